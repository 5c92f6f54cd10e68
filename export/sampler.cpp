// crystalgrid-sampler: latents → decode → segment → atoms → extended XYZ, without Python.
#include <ATen/Parallel.h>
#include <torch/cuda.h>

#include <algorithm>
#include <csignal>
#include <cstdio>
#include <optional>
#include <string>

#include "artifact.hpp"
#include "crystalgrid/atoms.hpp"
#include "errors.hpp"
#include "latents.hpp"
#include "options.hpp"
#include "output.hpp"
#include "progress.hpp"

namespace crystalgrid {
namespace {

volatile std::sig_atomic_t stopped_by = 0;

/// The first signal lets the batch in hand finish; a second one ends the program at once.
void stop_when_asked() {
  for (const int signal : {SIGINT, SIGTERM}) {
    struct sigaction action{};
    action.sa_handler = [](int by) { stopped_by = by; };
    action.sa_flags = SA_RESETHAND;
    sigaction(signal, &action, nullptr);
  }
}

struct Decoded {
  at::Tensor density;  ///< [B, n, n, n] float32
  at::Tensor species;  ///< [B, n, n, n] uint8
};

/// Decode latents `first` to `first + count` of the library, on the module's device; the result is on the CPU.
Decoded decode(Artifact& model, const at::Device& device, std::int64_t seed, std::int64_t first, std::int64_t count) {
  const std::int64_t dim = model.metadata.latent_dim;
  const int n = model.metadata.grid.n;
  const at::Tensor z = at::empty({count, dim}, at::kFloat);
  for (std::int64_t b = 0; b < count; ++b) latent(seed, first + b, dim, z.data_ptr<float>() + b * dim);
  const at::Tensor density = model.module.run_method("decode", z.to(device)).toTensor();
  const at::Tensor species = model.module.run_method("segment", density).toTuple()->elements()[0].toTensor();
  for (const at::Tensor& cubes : {density, species})
    TORCH_CHECK(cubes.sizes() == at::IntArrayRef({count, n, n, n}), "the model gives ", cubes.sizes(),
                ", its metadata say [", count, ", ", n, ", ", n, ", ", n, "]");
  return {density.to(at::kCPU, at::kFloat).contiguous(), species.to(at::kCPU, at::kByte).contiguous()};
}

/// What is written, and what there is to say of it.
struct Library {
  Library(const Options& options, const Grid& grid) : path(std::filesystem::path(options.out) / "samples.xyz") {
    new_folder(options.out);
    frames.emplace(path);
    if (!options.density) return;
    density.emplace(std::filesystem::path(options.out) / "density.npy");
    const std::string header = npy_header(options.number, grid.n);
    density->append(header.data(), header.size());
  }

  void append(const Metadata& model, const Decoded& decoded, const Atoms& atoms, std::int64_t seed) {
    const std::int64_t count = decoded.density.size(0);
    if (density) density->append(decoded.density.data_ptr(), decoded.density.nbytes());
    std::string text;
    for (std::int64_t b = 0; b < count; ++b) {
      text += xyz_frame(atoms, b, written + b, seed, model);
      empty += atoms.offsets[b] == atoms.offsets[b + 1];
    }
    frames->append(text.data(), text.size());
    written += count;
  }

  void finish() {
    if (density) density->finish();
    frames->finish();
  }

  std::filesystem::path path;
  std::optional<PartFile> frames, density;
  std::int64_t written = 0, empty = 0;
};

/// Fill the library, until it has all or a signal comes. Returns the seconds that took.
double fill(Library& library, Artifact& model, const at::Device& device, const Options& options) {
  Progress progress(options.number);
  while (library.written < options.number && !stopped_by) {
    const std::int64_t count = std::min(options.batch, options.number - library.written);
    const Decoded decoded = decode(model, device, options.seed, library.written, count);
    const Atoms atoms = find_atoms(decoded.species.data_ptr<std::uint8_t>(), decoded.density.data_ptr<float>(), count,
                                   model.metadata.grid, {.threads = options.threads});
    library.append(model.metadata, decoded, atoms, options.seed);
    progress.done(library.written);
  }
  return progress.seconds();
}

void sample(const Options& options) {
  stop_when_asked();
  if (options.device == "cuda" && !torch::cuda::is_available())
    throw InputError("--device cuda: torch finds no usable CUDA device here");
  if (options.threads > 0) at::set_num_threads(options.threads);
  const at::Device device(options.device);
  const c10::InferenceMode inference;
  Artifact model = read_artifact(options.model, device);
  if (stopped_by) throw InputError("interrupted; nothing is written");
  Library library(options, model.metadata.grid);
  const double seconds = fill(library, model, device, options);
  if (library.written < options.number)
    throw InputError("interrupted; the " + std::to_string(library.written) + " structures done are in " +
                     library.path.string() + ".part");
  library.finish();
  std::printf("%s: %lld structures, %lld of them without atoms, %.1f structures/s\n", library.path.c_str(),
              static_cast<long long>(library.written), static_cast<long long>(library.empty),
              static_cast<double>(library.written) / seconds);
}

int report(const std::string& reason) {
  std::fprintf(stderr, "error: %s\n", first_line(reason).c_str());
  return stopped_by ? 128 + stopped_by : 1;
}

}  // namespace
}  // namespace crystalgrid

int main(int argc, char** argv) {
  using namespace crystalgrid;
  try {
    const Options options = parse_options(argc, argv);
    if (options.help)
      std::fputs(kUsage, stdout);
    else
      sample(options);
    return 0;
  } catch (const c10::Error& error) {
    return report(error.what_without_backtrace());
  } catch (const std::exception& error) {
    return report(error.what());
  }
}
