// The exported model: a file that says what it is, in one of two forms.
#pragma once

#include <torch/csrc/inductor/aoti_package/model_package_loader.h>
#include <torch/script.h>

#include <memory>
#include <optional>
#include <string>

#include "metadata.hpp"

namespace crystalgrid {

/// A method of a compiled model; null for other models.
using Compiled = std::unique_ptr<torch::inductor::AOTIModelPackageLoader>;

struct Artifact {
  Metadata metadata;
  std::optional<torch::jit::Module> module;  ///< of model.pt: TorchScript
  Compiled prior, decode, segment;           ///< of model.pt2: AOTInductor
};

/// Read `path` onto `device`, by its ending. Throws InputError where the file is missing, damaged, not an artifact, of
/// another format, or compiled for another torch or machine.
Artifact read_artifact(const std::string& path, const torch::Device& device);

}  // namespace crystalgrid
