// The exported model: a TorchScript module that says what it is.
#pragma once

#include <torch/script.h>

#include <string>

#include "metadata.hpp"

namespace crystalgrid {

struct Artifact {
  Metadata metadata;
  torch::jit::Module module;
};

/// Read `path` onto `device`. Throws InputError where the file is missing, damaged, not an artifact or of another
/// format.
Artifact read_artifact(const std::string& path, const torch::Device& device);

}  // namespace crystalgrid
