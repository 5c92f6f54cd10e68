#include "network.hpp"

#include <torch/cuda.h>

#include "errors.hpp"
#include "stopwatch.hpp"

namespace crystalgrid {
namespace {

/// Where the convolutions are: the rest of a network needs, and keeps, full precision.
void use_bf16(Artifact& artifact) {
  auto& module = artifact.module;
  if (!module.hasattr("unet")) throw InputError("--precision bf16: this model has no U-Net to run in it");
  for (const char* part : {"first", "downs", "ups"})
    module.attr("unet").toModule().attr(part).toModule().to(at::kBFloat16);
}

}  // namespace

Network::Network(Artifact artifact, const c10::Device& device, const std::string& precision)
    : artifact_(std::move(artifact)), device_(device) {
  if (precision == "bf16") use_bf16(artifact_);
}

Voxels Network::operator()(const at::Tensor& z, double largest_density, Stages& stages) {
  const auto wait = [&] {
    if (device_.is_cuda()) torch::cuda::synchronize();
  };
  Stopwatch watch;
  at::Tensor density = artifact_.module.run_method("decode", z.to(device_)).toTensor();
  if (largest_density > 0) density = density * (largest_density / density.amax({1, 2, 3}, true).clamp_min(1e-30));
  wait();
  stages.decode += watch.lap();
  at::Tensor species = artifact_.module.run_method("segment", density).toTuple()->elements()[0].toTensor();
  const std::int64_t n = metadata().grid.n;
  for (const at::Tensor& cubes : {density, species})
    TORCH_CHECK(cubes.sizes() == at::IntArrayRef({z.size(0), n, n, n}), "the model gives ", cubes.sizes(),
                ", its metadata say [", z.size(0), ", ", n, ", ", n, ", ", n, "]");
  Voxels voxels{density.to(at::kCPU, at::kFloat).contiguous(), species.to(at::kCPU, at::kByte).contiguous()};
  stages.segment += watch.lap();
  return voxels;
}

}  // namespace crystalgrid
