// The networks of an artifact, from latent vectors to labels.
#pragma once

#include <ATen/core/Tensor.h>
#include <c10/core/Device.h>

#include <string>
#include <utility>

#include "artifact.hpp"

namespace crystalgrid {

/// Seconds spent.
struct Stages {
  double decode = 0, segment = 0, extract = 0, write = 0;
};

/// A batch of structures as voxels, on the CPU.
struct Voxels {
  at::Tensor density;     ///< [B, n, n, n] float32, 1/Å³
  at::Tensor species;     ///< [B, n, n, n] uint8
  at::Tensor confidence;  ///< [B, n, n, n] float32, of the species
};

class Network {
 public:
  /// precision: "fp32" or "bf16", of the U-Net's convolutions. Throws InputError where the artifact has none.
  /// use_prior: what comes is noise, for the artifact's prior, and not latent vectors.
  Network(Artifact artifact, const c10::Device& device, const std::string& precision, bool use_prior);

  const Metadata& metadata() const { return artifact_.metadata; }

  /// Latent vectors or noise z [B, latent_dim] float32; each density is scaled to have `largest_density` as its largest
  /// value, unless that is 0.
  Voxels operator()(const at::Tensor& z, double largest_density, Stages& stages);

 private:
  at::Tensor prior(const at::Tensor& noise);
  at::Tensor decode(const at::Tensor& z);
  std::pair<at::Tensor, at::Tensor> segment(const at::Tensor& density);

  Artifact artifact_;
  c10::Device device_;
  bool use_prior_;
};

}  // namespace crystalgrid
