// The metadata of an artifact.
#pragma once

#include <cstdint>
#include <string>

#include "crystalgrid/grid.hpp"

namespace crystalgrid {

struct Metadata {
  Grid grid;
  std::int64_t latent_dim = 0;
  bool prior = false;     ///< it has learned to draw latent vectors like those of crystals
  std::string mode;       ///< single or repeated
  std::string identity;   ///< SHA-256, hexadecimal, of the model, or else of the file's records
  std::string built_for;  ///< the torch and CPU that a compiled model needs; empty for others
};

}  // namespace crystalgrid
