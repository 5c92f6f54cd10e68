#include "settings.hpp"

#include <filesystem>
#include <optional>

namespace crystalgrid {
namespace {

Json or_null(const std::optional<double>& value) { return value ? Json{*value} : Json{nullptr}; }

Json or_null(const std::optional<int>& value) { return value ? Json{std::int64_t{*value}} : Json{nullptr}; }

}  // namespace

bool uses_prior(const Options& options, const Metadata& model) {
  return model.prior && !options.no_prior && !options.latents;
}

Json library_settings(const Options& options, const Metadata& model, const LatentSource& latents, const Shard& shard,
                      const Machinery& machinery) {
  const Filters& filters = options.filters;
  return {Json::Object{
      {"model", {model.identity}},
      {"mode", {model.mode}},
      {"number", {latents.number()}},
      {"seed", {options.seed}},
      {"temperature", {options.temperature}},
      {"prior", {uses_prior(options, model)}},
      {"latents", options.latents ? Json{std::filesystem::absolute(*options.latents).string()} : Json{nullptr}},
      {"latents_checksum", latents.checksum()},
      {"largest_density", or_null(options.largest_density)},
      {"min_distance", or_null(filters.min_distance)},
      {"min_atoms", or_null(filters.min_atoms)},
      {"max_atoms", or_null(filters.max_atoms)},
      {"min_density", or_null(filters.min_density)},
      {"max_density", or_null(filters.max_density)},
      {"shard", {std::to_string(shard.k) + "/" + std::to_string(shard.count)}},
      {"batch", {options.batch}},
      {"device", {options.device}},
      {"threads", {std::int64_t{machinery.threads}}},
      {"precision", {options.precision}},
      {"cif", {options.cif}},
      {"save_density", {options.save_density}},
      {"versions",
       {Json::Object{{"crystalgrid", {std::string(CRYSTALGRID_VERSION)}}, {"torch", {machinery.torch_version}}}}},
  }};
}

}  // namespace crystalgrid
