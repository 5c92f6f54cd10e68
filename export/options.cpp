#include "options.hpp"

#include <string>
#include <utility>

#include "errors.hpp"

namespace crystalgrid {
namespace {

// Structures a batch; a crystal is some thousand times smaller than a cube.
constexpr std::int64_t kCubes = 16, kCrystals = 128;

std::optional<std::int64_t> whole(const Json& values, const std::string& name) {
  if (!values.find(name)) return std::nullopt;
  return values.whole(name);
}

std::optional<int> count(const Json& values, const std::string& name) {
  if (!values.find(name)) return std::nullopt;
  return static_cast<int>(values.whole(name));
}

std::optional<double> number(const Json& values, const std::string& name) {
  if (!values.find(name)) return std::nullopt;
  return values.number(name);
}

std::optional<std::string> text(const Json& values, const std::string& name) {
  if (!values.find(name)) return std::nullopt;
  return values.string(name);
}

Filters read_filters(const Json& values) {
  return {.min_distance = number(values, "min-distance"),
          .min_atoms = count(values, "min-atoms"),
          .max_atoms = count(values, "max-atoms"),
          .min_density = number(values, "min-density"),
          .max_density = number(values, "max-density")};
}

void check_compatible(const Options& options) {
  if (options.latents && options.temperature != 1)
    throw InputError("--temperature and --latents: only what is drawn has a temperature; scale the rows of the file");
  const auto check_limits = [](const auto& least, const auto& most, const std::string& name) {
    if (least && most && *least > *most)
      throw InputError("--min-" + name + " and --max-" + name + ": nothing passes both");
  };
  check_limits(options.filters.min_atoms, options.filters.max_atoms, "atoms");
  check_limits(options.filters.min_density, options.filters.max_density, "density");
}

/// Throws InputError for what only a model that decodes cubes can do.
void check_generator(const Options& options) {
  const std::string reason =
      ": " + options.model + " draws crystals, not densities; this needs a model that decodes cubes";
  if (options.no_prior) throw InputError("--no-prior" + reason);
  if (options.largest_density) throw InputError("--largest-density" + reason);
  if (options.temperature != 1) throw InputError("--temperature" + reason);
  if (options.precision == "bf16") throw InputError("--precision bf16" + reason);
}

/// Throws InputError for what only a generator can do.
void check_autoencoder(const Options& options) {
  if (!options.conditions.words.empty())
    throw InputError("--" + options.conditions.words.begin()->first + ": " + options.model +
                     " decodes cubes and cannot be asked for crystals; give a generator, as mp10a is");
  if (options.best) throw InputError("--best: " + options.model + " decodes cubes, which have no likelihood");
  if (options.cif)
    throw InputError("--cif: " + options.model + " decodes cubes, which are no crystals; crystalgrid-recover " +
                     options.out + " --cif finds the crystals in them");
}

}  // namespace

Options read_options(const Json& values) {
  if (values.find("target"))
    throw InputError("--target: wanted the command crystalgrid sample, which reads a property that was learned");
  Options options{.model = values.string("model"),
                  .out = values.string("out"),
                  .number = whole(values, "number"),
                  .seed = values.whole("seed"),
                  .batch = whole(values, "batch").value_or(0),
                  .temperature = values.number("temperature"),
                  .no_prior = values.boolean("no-prior"),
                  .latents = text(values, "latents"),
                  .largest_density = number(values, "largest-density"),
                  .filters = read_filters(values),
                  .conditions = read_conditions(values),
                  .best = whole(values, "best"),
                  .shard = text(values, "shard"),
                  .resume = values.boolean("resume"),
                  .threads = static_cast<int>(values.whole("threads")),
                  .device = values.string("device"),
                  .precision = values.string("precision"),
                  .cif = values.boolean("cif"),
                  .save_density = values.boolean("save-density"),
                  .profile = values.boolean("profile")};
  check_compatible(options);
  return options;
}

bool ranks_candidates(const Options& options) { return options.best && options.conditions.values.contains("formula"); }

Options options_for(Options options, const Metadata& model) {
  if (model.is_generator)
    check_generator(options);
  else
    check_autoencoder(options);
  if (ranks_candidates(options)) options.number = options.batch = *options.best;
  if (options.batch == 0) options.batch = model.is_generator ? kCrystals : kCubes;
  return options;
}

}  // namespace crystalgrid
