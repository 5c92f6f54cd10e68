// The generator of an artifact, from noise to crystals.
#pragma once

#include <ATen/core/Dict.h>
#include <ATen/core/List.h>
#include <ATen/core/Tensor.h>
#include <c10/core/Device.h>
#include <torch/script.h>

#include <cstdint>
#include <map>
#include <mutex>
#include <string>
#include <vector>

#include "artifact.hpp"
#include "conditions.hpp"
#include "draws.hpp"
#include "profile.hpp"

namespace crystalgrid {

class Generator {
 public:
  /// likeliest: give the likeliest candidates of a formula in place of random draws. Throws InputError with the
  /// generator's own words if it cannot meet the conditions.
  Generator(Artifact artifact, const c10::Device& device, const Conditions& conditions, bool likeliest);

  /// Draw crystals from noise [B][noise_dim] float32, or take as many of the likeliest. Threads may call it at once.
  Draws operator()(const at::Tensor& noise);

  const Profile& profile() const { return profile_; }

 private:
  using AsDict = c10::Dict<std::string, c10::List<double>>;

  const std::vector<double>& operations(std::int64_t space_group);

  torch::jit::Module module_;
  c10::Device device_;
  AsDict conditions_;
  at::Tensor plan_;
  bool likeliest_;
  std::mutex mutex_;                                        // of what follows
  std::map<std::int64_t, std::vector<double>> operations_;  // by space group
  Profile profile_{{"draw", 0.0}};
};

}  // namespace crystalgrid
