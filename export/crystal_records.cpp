#include "crystal_records.hpp"

#include <vector>

#include "crystal_facts.hpp"
#include "crystal_text.hpp"
#include "crystalgrid/density.hpp"
#include "densities.hpp"
#include "filters.hpp"

namespace crystalgrid {
namespace {

enum File : std::size_t { kFrames, kTable, kDensity };

/// Return the density of crystal b in a cube with its corner at the crystal's origin, by Eq. (1): [n][n][n].
std::vector<float> density_of(const Draws& draws, std::int64_t b, const Grid& grid) {
  const std::span<const std::int64_t> numbers = draws.numbers_of(b);
  const std::vector<double> weights(numbers.begin(), numbers.end());
  const std::int64_t offsets[] = {0, static_cast<std::int64_t>(numbers.size())};
  const Crystals crystal{1, draws.primitive_lattice.data() + 9 * b,
                         draws.frac_coords.data() + 3 * draws.atom_offsets[b], offsets};
  std::vector<float> density(grid.voxels());
  double cutoff = 0;
  voxelize({crystal, weights.data(), {}, grid}, {.threads = 1}, density.data(), &cutoff);
  return density;
}

}  // namespace

Layout crystal_layout(const Options& options, const Grid& grid) {
  Layout layout{.noun = "crystals",
                .files = {{.name = "crystals.xyz"}, {"crystals.csv", [](std::int64_t) { return table_header(); }}},
                .folder = "cif",
                .counts = {{"valid", "valid"}},
                .removals = filter_removals()};
  layout.removals.push_back({"conditions", "could not be made to meet the conditions"});
  if (options.save_density) add_density_files(layout, grid);
  return layout;
}

std::string CrystalRecords::comment(std::int64_t index) const {
  const std::string seed = options_.latents ? "" : " seed=" + std::to_string(options_.seed);
  return "index=" + std::to_string(index) + seed + " model=sha256:" + model_.identity;
}

Records CrystalRecords::operator()(const Draws& draws, std::int64_t first, std::int64_t count) {
  check_draws(draws);
  Records records(count, options_.save_density ? 4 : 2);
  for (std::int64_t b = 0; b < count; ++b) {
    if (draws.numbers_of(b).empty())
      ++records.removed["conditions"];
    else
      add(records, draws, b, first + b);
  }
  return records;
}

void CrystalRecords::add(Records& records, const Draws& draws, std::int64_t b, std::int64_t index) {
  const CrystalFacts facts = crystal_facts(draws, b);
  const Measures measures{facts.atoms, facts.density, [&] { return facts.closest.distance; }};
  if (const char* filter = failed_filter(options_.filters, measures)) {
    ++records.removed[filter];
    return;
  }
  const std::string comment = this->comment(index), name = std::to_string(index);
  ++records.kept;
  records.counts["valid"] += why_invalid(facts).empty();
  records.appended[kFrames] += crystal_frame(draws, b, facts, comment);
  records.appended[kTable] += table_row(draws, b, facts, model_, index);
  records.own.emplace_back(name + ".cif", cif_(draws, b, facts, "crystal_" + name, comment));
  if (options_.save_density)
    append_density(records, kDensity, density_of(draws, b, model_.grid).data(), model_.grid, index);
}

}  // namespace crystalgrid
