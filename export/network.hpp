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
  Network(Artifact artifact, const c10::Device& device, const std::string& precision);

  const Metadata& metadata() const { return artifact_.metadata; }

  /// z [B, latent_dim] float32; each density is scaled to have `largest_density` as its largest value, unless that is
  /// 0.
  Voxels operator()(const at::Tensor& z, double largest_density, Stages& stages);

 private:
  at::Tensor decode(const at::Tensor& z);
  std::pair<at::Tensor, at::Tensor> segment(const at::Tensor& density);

  Artifact artifact_;
  c10::Device device_;
};

}  // namespace crystalgrid
