// crystalgrid-sampler: from noise to files of crystals or cubes, without Python.
#include <ATen/Parallel.h>
#include <c10/util/Exception.h>
#include <fcntl.h>
#include <torch/cuda.h>
#include <torch/version.h>

#include <algorithm>
#include <csignal>
#include <cstdio>
#include <deque>
#include <exception>
#include <future>
#include <memory>
#include <new>
#include <span>
#include <string>
#include <utility>

#include "artifact.hpp"
#include "command_line.hpp"
#include "drawer.hpp"
#include "errors.hpp"
#include "latent_source.hpp"
#include "library.hpp"
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

/// The work on one batch, which goes on in a thread of its own where several are drawn at once.
std::future<Writer::Batch> begin_draw(Drawer& drawer, const at::Tensor& noise, std::int64_t first, std::int64_t count) {
  const auto draw = [&drawer, noise, first, count] {
    const c10::InferenceMode inference;
    return drawer.draw(noise, first, count);
  };
  return std::async(drawer.at_once() > 1 ? std::launch::async : std::launch::deferred, draw);
}

/// Draw until the library has all of its range or a signal comes. Batches are always whole, so that a draw does not
/// depend on how many are made; what lies beyond the range is dropped. They are written in their order.
Profile fill(Library& library, Drawer& drawer, const LatentSource& latents, const Options& options, Range range) {
  Writer writer(library, range, drawer.record_stage());
  std::exception_ptr failure;
  try {
    std::deque<std::future<Writer::Batch>> begun;
    bool is_writing = true;
    const auto hand_over = [&] {
      is_writing = writer.push(begun.front().get());
      begun.pop_front();
    };
    for (std::int64_t first = library.next(); is_writing && first < range.last && !stop_signal;
         first += options.batch) {
      const at::Tensor noise = at::empty({options.batch, latents.dim()}, at::kFloat);
      latents.read(first, options.batch, noise.data_ptr<float>());
      begun.push_back(begin_draw(drawer, noise, first, std::min(options.batch, range.last - first)));
      if (begun.size() == drawer.at_once()) hand_over();
    }
    while (is_writing && !begun.empty()) hand_over();
  } catch (...) {
    failure = std::current_exception();
  }
  const Profile written = writer.finish();
  if (failure) {
    library.save();  // what is done stays done
    std::rethrow_exception(failure);
  }
  Profile profile = drawer.profile();
  profile.insert(profile.end(), written.begin(), written.end());
  return profile;
}

void print_profile(const Profile& profile, std::int64_t made, double seconds) {
  std::printf("%-9s %12s %16s\n", "stage", "seconds", "ms a structure");
  const auto row = [&](const std::string& stage, double spent) {
    std::printf("%-9s %12.3f %16.4f\n", stage.c_str(), spent,
                1e3 * spent / static_cast<double>(std::max<std::int64_t>(made, 1)));
  };
  for (const auto& [stage, spent] : profile) row(stage, spent);
  row("all", seconds);
  std::puts(
      "the last two stages run in a thread beside the others, and crystals are drawn by several; all is the elapsed "
      "time");
}

at::Device device_of(const Options& options) {
  if (options.device == "cuda" && !torch::cuda::is_available())
    throw InputError("--device cuda: torch finds no usable CUDA device here");
  return at::Device(options.device);
}

/// Make or resume the library, and say what is in it.
void complete(Library& library, Drawer& drawer, const LatentSource& latents, const Options& options, Range range) {
  const std::int64_t before = library.next();
  Stopwatch watch;
  Profile profile;
  if (!library.finished()) {
    profile = fill(library, drawer, latents, options, range);
    if (library.next() < range.last) {
      library.save();
      throw InputError("interrupted; the " + std::to_string(library.kept()) + " structures done are in " +
                       library.main_file().string() + ", and --resume goes on with them");
    }
    library.finish();
  }
  const double seconds = watch.lap();
  std::puts(library.summary(library.next() - before, seconds).c_str());
  if (options.profile) print_profile(profile, library.next() - before, seconds);
}

void sample(const Options& given) {
  const Shard shard = given.shard ? parse_shard(*given.shard) : shard_of_environment();
  if (given.threads > 0) at::set_num_threads(given.threads);
  const c10::InferenceMode inference;
  Artifact artifact = read_artifact(given.model, device_of(given));
  const Metadata model = artifact.metadata;
  const Options options = options_for(given, model);
  const LatentSource latents(options, model.latent_dim);
  const auto make_drawer = model.is_generator ? make_crystal_drawer : make_cube_drawer;
  const std::unique_ptr<Drawer> drawer = make_drawer(std::move(artifact), options);
  if (stop_signal) throw InputError("interrupted; nothing is written");

  const Range range = shard_range(shard, latents.number(), options.batch);
  for (const std::string& note : {formula_note(options.conditions), shard_note(shard, latents.number(), options.batch)})
    if (!note.empty()) std::fprintf(stderr, "%s\n", note.c_str());
  const Json settings = library_settings(options, model, latents, shard, {at::get_num_threads(), TORCH_VERSION});
  if (shard.count > 1) check_shards(options.out, shard, settings);
  Library library(shard_folder(options.out, shard), options.resume, drawer->layout(), range, settings);
  complete(library, *drawer, latents, options, range);
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
