#include "options.hpp"

#include "errors.hpp"

namespace crystalgrid {
namespace {

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

}  // namespace

Options read_options(const Json& values) {
  Options options{.model = values.string("model"),
                  .out = values.string("out"),
                  .number = whole(values, "number"),
                  .seed = values.whole("seed"),
                  .batch = values.whole("batch"),
                  .temperature = values.number("temperature"),
                  .no_prior = values.boolean("no-prior"),
                  .latents = text(values, "latents"),
                  .largest_density = number(values, "largest-density"),
                  .filters = read_filters(values),
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

}  // namespace crystalgrid
