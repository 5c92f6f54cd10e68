#include "network.hpp"

#include <ATen/Context.h>
#include <ATen/core/dispatch/Dispatcher.h>
#include <torch/csrc/jit/passes/tensorexpr_fuser.h>
#include <torch/cuda.h>

#include "errors.hpp"
#include "stopwatch.hpp"

namespace crystalgrid {
namespace {

/// Return whether the CPU has instructions for bfloat16. Emulated, it is some forty times slower than float32.
bool cpu_has_bf16() {
  const auto query = c10::Dispatcher::singleton().findSchema({"mkldnn::_is_mkldnn_bf16_supported", ""});
  return query && query->typed<bool()>().call();
}

/// Convert the U-Net's convolutions. The rest of a network needs, and keeps, full precision.
void use_bf16(Artifact& artifact, const c10::Device& device) {
  if (!artifact.module)
    throw InputError("--precision bf16: wanted a model.pt; a .pt2 has the precision it was compiled with");
  if (!artifact.module->hasattr("unet")) throw InputError("--precision bf16: this model has no U-Net to run in it");
  if (device.is_cpu() && !cpu_has_bf16())
    throw InputError("--precision bf16: this CPU has no arithmetic in bf16; fp32 is much faster here");
  for (const char* part : {"first", "downs", "ups"})
    artifact.module->attr("unet").toModule().attr(part).toModule().to(at::kBFloat16);
}

/// Make a GPU compute in the float32 of a CPU, and the first batch like all others: TorchScript's fuser would run it
/// unfused.
void use_plain_float32() {
  at::globalContext().setAllowTF32CuDNN(false);
  torch::jit::setTensorExprFuserEnabled(false);
}

}  // namespace

Network::Network(Artifact artifact, const c10::Device& device, const std::string& precision, bool use_prior)
    : artifact_(std::move(artifact)), device_(device), use_prior_(use_prior) {
  if (device_.is_cuda()) use_plain_float32();
  if (precision == "bf16") use_bf16(artifact_, device_);
}

at::Tensor Network::prior(const at::Tensor& noise) {
  if (artifact_.prior) return artifact_.prior->run({noise}).at(0);
  return artifact_.module->run_method("prior", noise).toTensor();
}

at::Tensor Network::decode(const at::Tensor& z) {
  if (artifact_.decode) return artifact_.decode->run({z}).at(0);
  return artifact_.module->run_method("decode", z).toTensor();
}

std::pair<at::Tensor, at::Tensor> Network::segment(const at::Tensor& density) {
  if (artifact_.segment) {
    const std::vector<at::Tensor> outputs =
        artifact_.segment->run({density.contiguous()});  // the layout it was compiled for
    return {outputs.at(0), outputs.at(1)};
  }
  const auto outputs = artifact_.module->run_method("segment", density).toTuple();
  return {outputs->elements().at(0).toTensor(), outputs->elements().at(1).toTensor()};
}

Voxels Network::operator()(const at::Tensor& z, std::optional<double> largest_density) {
  const auto wait = [&] {
    if (device_.is_cuda()) torch::cuda::synchronize();
  };
  Stopwatch watch;
  const at::Tensor on_device = z.to(device_);
  at::Tensor density = decode(use_prior_ ? prior(on_device) : on_device);
  if (largest_density) density = density * (*largest_density / density.amax({1, 2, 3}, true).clamp_min(1e-30));
  wait();
  profile_[0].second += watch.lap();
  const auto [species, confidence] = segment(density);
  const std::int64_t n = metadata().grid.n;
  for (const at::Tensor& cubes : {density, species, confidence})
    TORCH_CHECK(cubes.sizes() == at::IntArrayRef({z.size(0), n, n, n}), "the model gives ", cubes.sizes(),
                ", its metadata say [", z.size(0), ", ", n, ", ", n, ", ", n, "]");
  Voxels voxels{density.to(at::kCPU, at::kFloat).contiguous(), species.to(at::kCPU, at::kByte).contiguous(),
                confidence.to(at::kCPU, at::kFloat).contiguous()};
  profile_[1].second += watch.lap();
  return voxels;
}

}  // namespace crystalgrid
