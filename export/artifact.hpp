// The exported model: a TorchScript module that says what it is.
#pragma once

#include <torch/script.h>

#include <cstdint>
#include <string>

#include "crystalgrid/grid.hpp"

namespace crystalgrid {

struct Artifact {
  Grid grid;
  std::int64_t latent_dim = 0;
  std::string mode;      ///< single or repeated
  std::string checksum;  ///< SHA-256 of the file's records, hexadecimal
  torch::jit::Module module;
};

/// Read `path` onto `device`. Throws InputError where the file is missing, damaged, not an artifact or of another format.
Artifact read_artifact(const std::string& path, const torch::Device& device);

}  // namespace crystalgrid
