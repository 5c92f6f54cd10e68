// crystalgrid-sampler: latents → decode → segment → atoms → files, without Python.
#include <ATen/Parallel.h>
#include <c10/util/Exception.h>
#include <fcntl.h>
#include <torch/cuda.h>
#include <torch/version.h>

#include <algorithm>
#include <cmath>
#include <csignal>
#include <cstdio>
#include <exception>
#include <filesystem>
#include <new>
#include <span>
#include <string>

#include "artifact.hpp"
#include "command_line.hpp"
#include "errors.hpp"
#include "latent_source.hpp"
#include "library.hpp"
#include "network.hpp"
#include "option_table.hpp"
#include "options.hpp"
#include "output_folder.hpp"
#include "settings.hpp"
#include "shard.hpp"
#include "stopwatch.hpp"
#include "writer.hpp"

namespace crystalgrid {
namespace {

volatile std::sig_atomic_t stop_signal = 0;

/// Open the standard streams that are closed, so that no file opened later gets their number and is printed to.
void open_standard_streams() {
  for (int stream = 0; stream <= 2; ++stream)
    if (fcntl(stream, F_GETFD) == -1) ::open("/dev/null", O_RDWR);  // which is given the lowest free number
}

/// Let the first signal stop the run after the batch in hand; a second one ends the program at once.
void handle_signals() {
  std::signal(SIGXFSZ, SIG_IGN);  // a file that may not grow further is an error like a full disk
  for (const int signal : {SIGINT, SIGTERM}) {
    struct sigaction action{};
    action.sa_handler = [](int number) { stop_signal = number; };
    action.sa_flags = SA_RESETHAND;
    sigaction(signal, &action, nullptr);
  }
}

/// Throws InputError if a density is not finite: latent vectors far from all that the model has learned may decode to
/// anything.
void check_finite(const Voxels& voxels, std::int64_t first) {
  if (!std::isfinite(voxels.density.sum(at::kDouble).item<double>()))
    throw InputError("structure " + std::to_string(first) + " or one soon after decodes to a density that is not " +
                     "finite; wanted latent vectors like those the model has learned");
}

/// Make structures until the library has all of its range or a signal comes. Batches are always whole, so that a
/// structure does not depend on how many are made; what lies beyond the range is dropped.
StageTimes fill(Library& library, Network& network, const LatentSource& latents, const Options& options, Range range) {
  const FrameSource source{network.metadata(), options.seed, options.latents.has_value()};
  StageTimes times;
  Writer writer(library, source, range, options.device == "cpu" ? 1 : options.threads);
  std::exception_ptr failure;
  try {
    for (std::int64_t first = library.next(); first < range.last && !stop_signal; first += options.batch) {
      const at::Tensor z = at::empty({options.batch, network.metadata().latent_dim}, at::kFloat);
      latents.read(first, options.batch, z.data_ptr<float>());
      Voxels voxels = network(z, options.largest_density, times);
      check_finite(voxels, first);
      if (!writer.push(std::move(voxels))) break;
    }
  } catch (...) {
    failure = std::current_exception();
  }
  const StageTimes written = writer.finish();
  if (failure) {
    library.save();  // what is done stays done
    std::rethrow_exception(failure);
  }
  return {times.decode, times.segment, written.extract, written.write};
}

void print_profile(const StageTimes& times, std::int64_t made, double seconds) {
  std::printf("%-9s %12s %16s\n", "stage", "seconds", "ms a structure");
  const auto row = [&](const char* stage, double spent) {
    std::printf("%-9s %12.3f %16.4f\n", stage, spent,
                1e3 * spent / static_cast<double>(std::max<std::int64_t>(made, 1)));
  };
  row("decode", times.decode);
  row("segment", times.segment);
  row("extract", times.extract);
  row("write", times.write);
  row("all", seconds);
  std::puts("decode and segment run in one thread, extract and write in another; all is the elapsed time");
}

void print_summary(const Library& library, std::int64_t made, double seconds) {
  std::printf("%s: %lld structures, %lld of them without atoms, %.1f structures/s\n",
              (library.folder() / "samples.xyz").c_str(), static_cast<long long>(library.kept()),
              static_cast<long long>(library.empty()), seconds > 0 ? static_cast<double>(made) / seconds : 0.0);
  if (library.removed() > 0)
    std::printf("%lld more were filtered out; %s counts by what\n", static_cast<long long>(library.removed()),
                (library.folder() / "manifest.json").c_str());
}

/// Load the model onto the device that the options ask for.
Network load_network(const Options& options) {
  if (options.device == "cuda" && !torch::cuda::is_available())
    throw InputError("--device cuda: torch finds no usable CUDA device here");
  const at::Device device(options.device);
  Artifact artifact = read_artifact(options.model, device);
  const bool use_prior = uses_prior(options, artifact.metadata);
  return {std::move(artifact), device, options.precision, use_prior};
}

void print_shard(const Shard& shard, Range range) {
  std::fprintf(stderr, "shard %lld/%lld, as %s says: structures %lld to %lld\n", static_cast<long long>(shard.k),
               static_cast<long long>(shard.count), shard.source.c_str(), static_cast<long long>(range.first),
               static_cast<long long>(range.last));
}

/// Make or resume the library, and say what is in it.
void complete(Library& library, Network& network, const LatentSource& latents, const Options& options, Range range) {
  const std::int64_t before = library.next();
  Stopwatch watch;
  StageTimes times;
  if (!library.finished()) {
    times = fill(library, network, latents, options, range);
    if (library.next() < range.last) {
      library.save();
      throw InputError("interrupted; the " + std::to_string(library.kept()) + " structures done are in " +
                       (library.folder() / "samples.xyz.part").string() + ", and --resume goes on with them");
    }
    library.finish();
  }
  const double seconds = watch.lap();
  print_summary(library, library.next() - before, seconds);
  if (options.profile) print_profile(times, library.next() - before, seconds);
}

void sample(const Options& options) {
  const Shard shard = options.shard ? parse_shard(*options.shard) : shard_of_environment();
  if (options.threads > 0) at::set_num_threads(options.threads);
  const c10::InferenceMode inference;
  Network network = load_network(options);
  const LatentSource latents(options, network.metadata().latent_dim);
  if (stop_signal) throw InputError("interrupted; nothing is written");

  const Range range = shard_range(shard, latents.number(), options.batch);
  if (!shard.source.empty()) print_shard(shard, range);
  const Json settings =
      library_settings(options, network.metadata(), latents, shard, {at::get_num_threads(), TORCH_VERSION});
  if (shard.count > 1) check_shards(options.out, shard, settings);
  Library library(shard_folder(options.out, shard), options, network.metadata().grid, range, settings);
  complete(library, network, latents, options, range);
}

void run(std::span<const char* const> words) {
  const CommandLine command_line(kOptionTable);
  const Json values = command_line.parse(words);
  if (values.boolean("help"))
    std::fputs(command_line.help("crystalgrid-sampler").c_str(), stdout);
  else
    sample(read_options(values));
}

constexpr const char* kOutOfMemory = "out of memory; a smaller --batch takes less";

/// Return whether a message of torch means that memory ran out. Its CPU allocator has no exception of its own for that,
/// and TorchScript passes on what is thrown inside a model as a text.
bool means_out_of_memory(const std::string& message) {
  return message.find("not enough memory") != std::string::npos || message.find("out of memory") != std::string::npos;
}

int fail(const std::string& message) {
  std::fprintf(stderr, "error: %s\n", message.c_str());
  return stop_signal ? 128 + stop_signal : 1;
}

int fail_in_torch(const std::string& message) {
  return fail(means_out_of_memory(message) ? kOutOfMemory : first_line(message));
}

}  // namespace
}  // namespace crystalgrid

int main(int argc, char** argv) {
  using namespace crystalgrid;
  open_standard_streams();
  handle_signals();
  try {
    run(std::span(argv, argc).subspan(argc > 0));
    return 0;
  } catch (const InputError& error) {
    return fail(error.what());
  } catch (const std::bad_alloc&) {
    return fail(kOutOfMemory);
  } catch (const c10::OutOfMemoryError&) {
    return fail(kOutOfMemory);
  } catch (const c10::Error& error) {
    return fail_in_torch(error.what_without_backtrace());
  } catch (const std::exception& error) {
    return fail_in_torch(error.what());
  }
}
