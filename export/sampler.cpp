// crystalgrid-sampler: latents → decode → segment → atoms → files, without Python.
#include <ATen/Parallel.h>
#include <fcntl.h>
#include <torch/cuda.h>
#include <torch/version.h>

#include <algorithm>
#include <cmath>
#include <csignal>
#include <cstdio>
#include <exception>
#include <optional>
#include <string>
#include <thread>

#include "artifact.hpp"
#include "crystalgrid/atoms.hpp"
#include "errors.hpp"
#include "latents.hpp"
#include "library.hpp"
#include "network.hpp"
#include "numpy.hpp"
#include "options.hpp"
#include "progress.hpp"
#include "queue.hpp"
#include "shard.hpp"
#include "stopwatch.hpp"

namespace crystalgrid {
namespace {

volatile std::sig_atomic_t stopped_by = 0;

/// Files that are opened later must not be what is printed to.
void open_standard_streams() {
  for (int stream = 0; stream <= 2; ++stream)
    if (fcntl(stream, F_GETFD) == -1) ::open("/dev/null", O_RDWR);  // which is given the lowest number that is free
}

/// The first signal lets the batch in hand finish; a second one ends the program at once.
void stop_when_asked() {
  std::signal(SIGXFSZ, SIG_IGN);  // a file that may not grow further is an error like a full disk
  for (const int signal : {SIGINT, SIGTERM}) {
    struct sigaction action{};
    action.sa_handler = [](int by) { stopped_by = by; };
    action.sa_flags = SA_RESETHAND;
    sigaction(signal, &action, nullptr);
  }
}

/// Latent vectors by index: from the rows of a file, or from (seed, index) alone.
class Latents {
 public:
  Latents(const Options& options, std::int64_t dim) : options_(options), dim_(dim) {
    if (!options.latents.empty()) rows_.emplace(options.latents, dim);
    if (rows_ && options.number.value_or(0) > rows_->rows())
      throw InputError("--number: wanted at most the " + std::to_string(rows_->rows()) + " rows of " + options.latents +
                       ", got " + std::to_string(*options.number));
  }

  std::int64_t number() const { return options_.number.value_or(rows_ ? rows_->rows() : 64); }

  /// Of the file's rows, all of which are looked at; null where there is no file.
  Json checksum() const { return rows_ ? Json{"sha256:" + rows_->checksum(number())} : Json{nullptr}; }

  /// [count, dim]; beyond the rows of a file, zeros.
  at::Tensor operator()(std::int64_t first, std::int64_t count) const {
    const at::Tensor z = at::empty({count, dim_}, at::kFloat);
    if (rows_)
      rows_->read(first, count, z.data_ptr<float>());
    else
      for (std::int64_t b = 0; b < count; ++b) latent(options_.seed, first + b, dim_, z.data_ptr<float>() + b * dim_);
    return options_.temperature == 1 ? z : z * options_.temperature;
  }

 private:
  const Options& options_;
  std::int64_t dim_;
  std::optional<NpyRows> rows_;
};

/// Whether draws come from a prior that the model has learned.
bool uses_prior(const Options& options, const Metadata& model) {
  return model.prior && !options.no_prior && options.latents.empty();
}

/// All that decides what is in a library, for its manifest.
Json settings_of(const Options& options, const Metadata& model, const Latents& latents, const Shard& shard) {
  const auto limit = [](const auto& value) -> Json {
    if (!value) return {nullptr};
    return {*value};
  };
  const auto count = [](const std::optional<int>& value) -> Json {
    if (!value) return {nullptr};
    return {static_cast<std::int64_t>(*value)};
  };
  const Filters& f = options.filters;
  return {Json::Object{
      {"model", {model.identity}},
      {"mode", {model.mode}},
      {"number", {latents.number()}},
      {"seed", {options.seed}},
      {"temperature", {options.temperature}},
      {"prior", {uses_prior(options, model)}},
      {"latents", options.latents.empty() ? Json{nullptr} : Json{std::filesystem::absolute(options.latents).string()}},
      {"latents_checksum", latents.checksum()},
      {"largest_density", options.largest_density > 0 ? Json{options.largest_density} : Json{nullptr}},
      {"min_distance", limit(f.min_distance)},
      {"min_atoms", count(f.min_atoms)},
      {"max_atoms", count(f.max_atoms)},
      {"min_density", limit(f.min_density)},
      {"max_density", limit(f.max_density)},
      {"shard", {std::to_string(shard.k) + "/" + std::to_string(shard.of)}},
      {"batch", {options.batch}},
      {"device", {options.device}},
      {"threads", {static_cast<std::int64_t>(at::get_num_threads())}},
      {"precision", {options.precision}},
      {"cif", {options.cif}},
      {"save_density", {options.density}},
      {"versions",
       {Json::Object{{"crystalgrid", {std::string(CRYSTALGRID_VERSION)}}, {"torch", {std::string(TORCH_VERSION)}}}}},
  }};
}

/// Finds atoms and writes them, in a thread of its own, so that the networks never wait for it while it keeps up.
class Writer {
 public:
  Writer(Library& library, const Origin& origin, Range range, int threads)
      : library_(library), origin_(origin), range_(range), threads_(threads), thread_([this] { run(); }) {}

  /// Hand over the next batch; false once writing has failed.
  bool push(Voxels voxels) { return queue_.push(std::move(voxels)); }

  /// Wait until all is written that was handed over. Throws what writing threw.
  Stages finish() {
    queue_.close();
    if (thread_.joinable()) thread_.join();
    if (failure_) std::rethrow_exception(failure_);
    return stages_;
  }

  ~Writer() {
    queue_.close();
    if (thread_.joinable()) thread_.join();
  }

 private:
  void run() try {
    Progress progress(range_.last - range_.first, library_.next() - range_.first);
    while (const std::optional<Voxels> voxels = queue_.pop()) {
      Stopwatch watch;
      const std::int64_t count = std::min<std::int64_t>(voxels->density.size(0), range_.last - library_.next());
      const float* density = voxels->density.data_ptr<float>();
      const LabelledCubes cubes{voxels->species.data_ptr<std::uint8_t>(), density, voxels->confidence.data_ptr<float>(),
                                count};
      const Atoms atoms = find_atoms(cubes, origin_.model.grid, {.threads = threads_});
      stages_.extract += watch.lap();
      library_.append(atoms, density, count, origin_);
      stages_.write += watch.lap();
      progress.done(library_.next() - range_.first);
    }
  } catch (...) {
    failure_ = std::current_exception();
    queue_.close();
  }

  Library& library_;
  const Origin& origin_;
  Range range_;
  int threads_;
  Stages stages_;
  std::exception_ptr failure_;
  Queue<Voxels> queue_{2};
  std::thread thread_;  // last, as it uses the others
};

/// Latent vectors that are far from any the model knows may decode to anything.
void check_finite(const Voxels& voxels, std::int64_t first) {
  if (!std::isfinite(voxels.density.sum(at::kDouble).item<double>()))
    throw InputError("structure " + std::to_string(first) + " or one soon after decodes to a density that is not " +
                     "finite; wanted latent vectors like those the model has learned");
}

/// Fill the library, until it has all or a signal comes. Batches are whole, so that what a structure is does not depend
/// on how many are wanted; what is beyond the range is left off.
Stages fill(Library& library, Network& network, const Latents& latents, const Options& options, Range range) {
  const Origin origin{network.metadata(), options.seed, !options.latents.empty()};
  Stages stages;
  Writer writer(library, origin, range, options.device == "cpu" ? 1 : options.threads);
  std::exception_ptr failure;
  try {
    for (std::int64_t first = library.next(); first < range.last && !stopped_by; first += options.batch) {
      Voxels voxels = network(latents(first, options.batch), options.largest_density, stages);
      check_finite(voxels, first);
      if (!writer.push(std::move(voxels))) break;
    }
  } catch (...) {
    failure = std::current_exception();
  }
  const Stages written = writer.finish();
  if (failure) {
    library.save();  // what is done stays done
    std::rethrow_exception(failure);
  }
  return {stages.decode, stages.segment, written.extract, written.write};
}

void print_profile(const Stages& stages, std::int64_t made, double seconds) {
  std::printf("%-9s %12s %16s\n", "stage", "seconds", "ms a structure");
  const auto row = [&](const char* stage, double spent) {
    std::printf("%-9s %12.3f %16.4f\n", stage, spent,
                1e3 * spent / static_cast<double>(std::max<std::int64_t>(made, 1)));
  };
  row("decode", stages.decode);
  row("segment", stages.segment);
  row("extract", stages.extract);
  row("write", stages.write);
  row("all", seconds);
  std::puts("decode and segment run in one thread, extract and write in another; all is by the clock");
}

void print_summary(const Library& library, std::int64_t made, double seconds) {
  std::printf("%s: %lld structures, %lld of them without atoms, %.1f structures/s\n",
              (library.folder() / "samples.xyz").c_str(), static_cast<long long>(library.kept()),
              static_cast<long long>(library.empty()), seconds > 0 ? static_cast<double>(made) / seconds : 0.0);
  if (library.removed() > 0)
    std::printf("%lld more were filtered out; %s counts by what\n", static_cast<long long>(library.removed()),
                (library.folder() / "manifest.json").c_str());
}

std::filesystem::path folder_of(const Options& options, const Shard& shard) {
  const std::string of = std::to_string(shard.of), k = std::to_string(shard.k);
  if (shard.of == 1) return options.out;
  return std::filesystem::path(options.out) / ("shard-" + std::string(of.size() - k.size(), '0') + k + "-of-" + of);
}

void sample(const Options& options) {
  const Shard shard = parse_shard(options.shard);
  if (options.device == "cuda" && !torch::cuda::is_available())
    throw InputError("--device cuda: torch finds no usable CUDA device here");
  if (options.threads > 0) at::set_num_threads(options.threads);
  const at::Device device(options.device);
  const c10::InferenceMode inference;
  Artifact artifact = read_artifact(options.model, device);
  const bool use_prior = uses_prior(options, artifact.metadata);
  Network network(std::move(artifact), device, options.precision, use_prior);
  const Latents latents(options, network.metadata().latent_dim);
  if (stopped_by) throw InputError("interrupted; nothing is written");

  const Range range = shard_range(shard, latents.number(), options.batch);
  if (!shard.source.empty())
    std::fprintf(stderr, "shard %lld/%lld, as %s says: structures %lld to %lld\n", static_cast<long long>(shard.k),
                 static_cast<long long>(shard.of), shard.source.c_str(), static_cast<long long>(range.first),
                 static_cast<long long>(range.last));
  const Json settings = settings_of(options, network.metadata(), latents, shard);
  if (shard.of > 1) check_parts(options.out, shard, settings);
  Library library(folder_of(options, shard), options, network.metadata().grid, range, settings);
  const std::int64_t before = library.next();
  Stopwatch watch;
  Stages stages;
  if (!library.finished()) {
    stages = fill(library, network, latents, options, range);
    if (library.next() < range.last) {
      library.save();
      throw InputError("interrupted; the " + std::to_string(library.kept()) + " structures done are in " +
                       (library.folder() / "samples.xyz.part").string() + ", and --resume goes on with them");
    }
    library.finish();
  }
  const double seconds = watch.lap();
  print_summary(library, library.next() - before, seconds);
  if (options.profile) print_profile(stages, library.next() - before, seconds);
}

int report(const std::string& reason) {
  const bool memory = reason.find("not enough memory") != std::string::npos ||
                      reason.find("out of memory") != std::string::npos ||
                      reason.find("bad_alloc") != std::string::npos;
  const std::string line = memory ? "out of memory; a smaller --batch takes less" : first_line(reason);
  std::fprintf(stderr, "error: %s\n", line.c_str());
  return stopped_by ? 128 + stopped_by : 1;
}

}  // namespace
}  // namespace crystalgrid

int main(int argc, char** argv) {
  using namespace crystalgrid;
  open_standard_streams();
  stop_when_asked();
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
