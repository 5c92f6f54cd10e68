// The metadata of an artifact.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "crystalgrid/grid.hpp"

namespace crystalgrid {

struct Metadata {
  std::string identity;         ///< SHA-256, hexadecimal, of the model, or else of the file's records
  std::int64_t latent_dim = 0;  ///< length of a vector of noise
  Grid grid;                    ///< of densities
  bool is_generator = false;    ///< it draws crystals; others decode cubes

  // Of models that decode cubes:
  bool prior = false;     ///< it has learned to draw latent vectors like those of crystals
  std::string mode;       ///< single or repeated
  std::string built_for;  ///< the torch and CPU that a compiled model needs; empty for others

  // Of generators:
  std::vector<std::string> training_ids;  ///< of the crystals that it was trained on
};

}  // namespace crystalgrid
