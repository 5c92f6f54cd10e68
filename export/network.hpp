// The networks of an artifact, from latent vectors to labels.
#pragma once

#include <ATen/core/Tensor.h>
#include <c10/core/Device.h>

#include <optional>
#include <string>
#include <utility>

#include "artifact.hpp"
#include "profile.hpp"

namespace crystalgrid {

/// A batch of structures as voxels, on the CPU.
struct Voxels {
  at::Tensor density;     ///< [B, n, n, n] float32, 1/Å³
  at::Tensor species;     ///< [B, n, n, n] uint8
  at::Tensor confidence;  ///< [B, n, n, n] float32, probability of the species
};

class Network {
 public:
  /// precision: "fp32" or "bf16", of the U-Net's convolutions; throws InputError if the artifact has no U-Net to run in
  /// bf16. use_prior: vectors are noise, which the artifact's prior turns into latent vectors.
  Network(Artifact artifact, const c10::Device& device, const std::string& precision, bool use_prior);

  const Metadata& metadata() const { return artifact_.metadata; }

  /// Decode and segment latent vectors or noise z [B, latent_dim] float32. If `largest_density` (1/Å³) is given, each
  /// density is scaled to have it as its largest value.
  Voxels operator()(const at::Tensor& z, std::optional<double> largest_density);

  const Profile& profile() const { return profile_; }

 private:
  at::Tensor prior(const at::Tensor& noise);
  at::Tensor decode(const at::Tensor& z);
  std::pair<at::Tensor, at::Tensor> segment(const at::Tensor& density);

  Artifact artifact_;
  c10::Device device_;
  bool use_prior_;
  Profile profile_{{"decode", 0.0}, {"segment", 0.0}};
};

}  // namespace crystalgrid
