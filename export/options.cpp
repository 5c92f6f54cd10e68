#include "options.hpp"

#include <charconv>
#include <functional>
#include <limits>
#include <map>
#include <string_view>

#include "errors.hpp"

namespace crystalgrid {
namespace {

using Text = std::string_view;

/// More structures than any campaign makes, and few enough that no count of voxels or bytes overflows.
constexpr std::int64_t kMostStructures = 1'000'000'000'000;

template <class Whole>
Whole whole(Text option, Text text, Whole least, Whole most = std::numeric_limits<Whole>::max()) {
  Whole x{};
  const char* end = text.data() + text.size();
  const auto [stop, error] = std::from_chars(text.data(), end, x);
  if (error != std::errc() || stop != end || x < least || x > most)
    throw InputError(std::string(option) + ": wanted a whole number from " + std::to_string(least) + " to " +
                     std::to_string(most) + ", got '" + std::string(text) + "'");
  return x;
}

/// One that stays finite in single precision.
double positive(Text option, Text text) {
  double x = 0;
  const char* end = text.data() + text.size();
  const auto [stop, error] = std::from_chars(text.data(), end, x);
  if (error != std::errc() || stop != end || !(x > 0) || !(x < std::numeric_limits<float>::max()))
    throw InputError(std::string(option) + ": wanted a positive number, got '" + std::string(text) + "'");
  return x;
}

/// Options that do not go together are a slip.
void check(const Options& options) {
  if (!options.latents.empty() && options.temperature != 1)
    throw InputError("--temperature and --latents: only what is drawn has a temperature; scale the rows of the file");
  const Filters& filters = options.filters;
  const auto pair = [](const auto& least, const auto& most, const std::string& of) {
    if (least && most && *least > *most) throw InputError("--min-" + of + " and --max-" + of + ": nothing passes both");
  };
  pair(filters.min_atoms, filters.max_atoms, "atoms");
  pair(filters.min_density, filters.max_density, "density");
}

std::string one_of(Text option, Text text, Text first, Text second) {
  if (text != first && text != second)
    throw InputError(std::string(option) + ": wanted " + std::string(first) + " or " + std::string(second) + ", got '" +
                     std::string(text) + "'");
  return std::string(text);
}

using Setters = std::map<Text, std::function<void(Options&, Text option, Text value)>>;

const Setters kValued{
    {"--out", [](Options& o, Text, Text value) { o.out = value; }},
    {"--number",
     [](Options& o, Text option, Text value) { o.number = whole<std::int64_t>(option, value, 1, kMostStructures); }},
    {"--seed", [](Options& o, Text option, Text value) { o.seed = whole<std::int64_t>(option, value, 0); }},
    {"--batch", [](Options& o, Text option, Text value) { o.batch = whole<std::int64_t>(option, value, 1, 1 << 16); }},
    {"--temperature", [](Options& o, Text option, Text value) { o.temperature = positive(option, value); }},
    {"--latents", [](Options& o, Text, Text value) { o.latents = value; }},
    {"--largest-density", [](Options& o, Text option, Text value) { o.largest_density = positive(option, value); }},
    {"--min-distance", [](Options& o, Text option, Text value) { o.filters.min_distance = positive(option, value); }},
    {"--min-atoms", [](Options& o, Text option, Text value) { o.filters.min_atoms = whole(option, value, 0); }},
    {"--max-atoms", [](Options& o, Text option, Text value) { o.filters.max_atoms = whole(option, value, 0); }},
    {"--min-density", [](Options& o, Text option, Text value) { o.filters.min_density = positive(option, value); }},
    {"--max-density", [](Options& o, Text option, Text value) { o.filters.max_density = positive(option, value); }},
    {"--shard", [](Options& o, Text, Text value) { o.shard = value; }},
    {"--threads", [](Options& o, Text option, Text value) { o.threads = whole(option, value, 0, 1 << 10); }},
    {"--device", [](Options& o, Text option, Text value) { o.device = one_of(option, value, "cpu", "cuda"); }},
    {"--precision", [](Options& o, Text option, Text value) { o.precision = one_of(option, value, "fp32", "bf16"); }},
};

const std::map<Text, bool Options::*> kFlags{
    {"--no-prior", &Options::no_prior},
    {"--resume", &Options::resume},
    {"--cif", &Options::cif},
    {"--save-density", &Options::density},
    {"--profile", &Options::profile},
    {"--help", &Options::help},
    {"-h", &Options::help},
};

const std::map<Text, Text> kShort{{"-o", "--out"}, {"-n", "--number"}};

}  // namespace

const char* const kUsage =
    R"(usage: crystalgrid-sampler MODEL -o OUT [options]

Decode latent vectors to crystal structures and write OUT/samples.xyz (extended XYZ, in the order of their index).

  MODEL                  model.pt or model.pt2, as crystalgrid-export writes them
  -o, --out OUT          folder to write to, new or empty unless --resume
  -n, --number N         how many structures (default 64, or every row of --latents)
  --resume               go on where an interrupted run of the same command stopped
  --shard K/N            only the K-th of N equal parts, K from 0 to N-1, in the folder OUT/shard-K-of-N (default: what
                         torchrun or SLURM say this process is, else all)

what to decode
  --seed S               structure i depends on (seed, i) alone (default 0)
  --temperature T        draw noise from N(0, T²) (default 1), which a model that has learned a prior turns into latent
                         vectors like those of crystals, and others decode; not with --latents
  --no-prior             decode the noise itself, whatever the model has learned
  --latents FILE.npy     decode the rows of this file, float32 or float64 [N, latent size]
  --largest-density D    scale each density so that its largest value is D, in 1/Å³

what to keep; the manifest counts what each removes
  --min-distance D       no two atoms closer than D Å
  --min-atoms A, --max-atoms A
  --min-density G, --max-density G
                         mass of the cube's atoms by its volume, g/cm³

what to write besides
  --cif                  OUT/samples.cif: a data block for each structure that has atoms
  --save-density         OUT/density.npz: the decoded densities, float32 [N, n, n, n] in 1/Å³, and each one's index

how to run
  --batch B              structures per pass of the network (default 16)
  --threads T            CPU threads (default 0: all cores)
  --device D             cpu or cuda: where the network runs (default cpu)
  --precision P          fp32 or bf16: of the network's convolutions (default fp32)
  --profile              print the time that each stage takes
  -h, --help             this text
)";

Options parse_options(int argc, char** argv) {
  Options options;
  for (int a = 1; a < argc; ++a) {
    const Text given = argv[a];
    const Text name = kShort.contains(given) ? kShort.at(given) : given;
    if (const auto flag = kFlags.find(name); flag != kFlags.end()) {
      options.*flag->second = true;
    } else if (const auto setter = kValued.find(name); setter != kValued.end()) {
      if (++a == argc || !*argv[a]) throw InputError(std::string(given) + ": wanted a value, got none");
      setter->second(options, given, argv[a]);
    } else if (name.starts_with("-")) {
      throw InputError("unknown option " + std::string(name) + " (see --help)");
    } else if (options.model.empty()) {
      options.model = name;
    } else {
      throw InputError("wanted one model, got '" + options.model + "' and '" + std::string(name) + "'");
    }
  }
  if (options.help) return options;
  if (options.model.empty()) throw InputError("wanted a model: crystalgrid-sampler MODEL -o OUT (see --help)");
  if (options.out.empty()) throw InputError("wanted a folder to write to: -o OUT (see --help)");
  check(options);
  return options;
}

}  // namespace crystalgrid
