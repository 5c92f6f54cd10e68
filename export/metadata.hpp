// What an artifact says of itself.
#pragma once

#include <cstdint>
#include <string>

#include "crystalgrid/grid.hpp"

namespace crystalgrid {

struct Metadata {
  Grid grid;
  std::int64_t latent_dim = 0;
  bool prior = false;     ///< it has learned what latent vectors are like
  std::string mode;       ///< single or repeated
  std::string identity;   ///< SHA-256, hexadecimal, of the model, or else of the file's records
  std::string built_for;  ///< of a compiled model: what it runs on
};

}  // namespace crystalgrid
