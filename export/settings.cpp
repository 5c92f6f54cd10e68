#include "settings.hpp"

#include <filesystem>
#include <optional>
#include <utility>

namespace crystalgrid {
namespace {

Json or_null(const std::optional<double>& value) { return value ? Json{*value} : Json{nullptr}; }

Json or_null(const std::optional<int>& value) { return value ? Json{std::int64_t{*value}} : Json{nullptr}; }

Json::Object limits(const Filters& filters) {
  return {
      {"min_distance", or_null(filters.min_distance)}, {"min_atoms", or_null(filters.min_atoms)},
      {"max_atoms", or_null(filters.max_atoms)},       {"min_density", or_null(filters.min_density)},
      {"max_density", or_null(filters.max_density)},
  };
}

/// What only crystals depend on.
Json::Object crystal_settings(const Options& options) {
  return {
      {"kind", {std::string("generator")}},
      {"conditions", {options.conditions.words}},
      {"best", options.best ? Json{*options.best} : Json{nullptr}},
  };
}

/// What only cubes depend on.
Json::Object cube_settings(const Options& options, const Metadata& model) {
  return {
      {"mode", {model.mode}},
      {"temperature", {options.temperature}},
      {"prior", {uses_prior(options, model)}},
      {"largest_density", or_null(options.largest_density)},
      {"precision", {options.precision}},
  };
}

}  // namespace

bool uses_prior(const Options& options, const Metadata& model) {
  return model.prior && !options.no_prior && !options.latents;
}

Json library_settings(const Options& options, const Metadata& model, const LatentSource& latents, const Shard& shard,
                      const Machinery& machinery) {
  Json::Object settings{
      {"model", {model.identity}},
      {"number", {latents.number()}},
      {"seed", {options.seed}},
      {"latents", options.latents ? Json{std::filesystem::absolute(*options.latents).string()} : Json{nullptr}},
      {"latents_checksum", latents.checksum()},
      {"shard", {std::to_string(shard.k) + "/" + std::to_string(shard.count)}},
      {"batch", {options.batch}},
      {"device", {options.device}},
      {"threads", {std::int64_t{machinery.threads}}},
      {"save_density", {options.save_density}},
      {"versions",
       {Json::Object{{"crystalgrid", {std::string(CRYSTALGRID_VERSION)}}, {"torch", {machinery.torch_version}}}}},
  };
  settings.merge(limits(options.filters));
  settings.merge(model.is_generator ? crystal_settings(options) : cube_settings(options, model));
  return {std::move(settings)};
}

}  // namespace crystalgrid
