#include "crystal_records.hpp"

#include <algorithm>
#include <cmath>
#include <utility>
#include <vector>

#include "crystal_facts.hpp"
#include "crystal_text.hpp"
#include "crystalgrid/density.hpp"
#include "densities.hpp"
#include "filters.hpp"
#include "text.hpp"

namespace crystalgrid {
namespace {

/// The logarithm of a likelihood of 0, or of one that is not a number: a manifest has room for finite numbers only.
constexpr double kUnlikely = -1e300;

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

/// Return a text that is the same for crystals of one space group with the same elements on the same Wyckoff positions
/// whose geometry began at the same training crystal. Which orbit of a position has which element matters only there.
std::string structure_of(const Draws& draws, std::int64_t b) {
  std::vector<std::pair<std::int64_t, std::int64_t>> orbits;
  for (std::int64_t orbit = draws.orbit_offsets[b]; orbit < draws.orbit_offsets[b + 1]; ++orbit)
    orbits.emplace_back(draws.letters[orbit], draws.orbit_numbers[orbit]);
  if (draws.relative[b] == -1) std::sort(orbits.begin(), orbits.end());
  std::string text = std::to_string(draws.space_group[b]);
  for (const auto& [letter, number] : orbits)
    append(text, " %d:%d", static_cast<int>(letter), static_cast<int>(number));
  append(text, " %lld", static_cast<long long>(draws.relative[b]));
  return text;
}

}  // namespace

Layout crystal_layout(const Options& options, const Grid& grid) {
  Layout layout;
  layout.noun = "crystals";
  layout.files = {{.name = "crystals.xyz"}, {"crystals.csv", [](std::int64_t) { return table_header(); }}};
  layout.folder = "cif";
  layout.counts = {{"valid", "valid"}};
  layout.removals = filter_removals();
  layout.removals.push_back({"conditions", ranks_candidates(options)
                                               ? "were asked for than candidates that meet the conditions"
                                               : "led to no possible crystal that meets the conditions"});
  layout.best = options.best.value_or(0);
  if (layout.best > 0)
    layout.removals.push_back({"best", "were less likely, or of the same structure as a likelier one"});
  if (options.save_density) add_density_files(layout, grid);
  return layout;
}

std::string CrystalRecords::comment(std::int64_t index) const {
  const std::string seed = options_.latents ? "" : " seed=" + std::to_string(options_.seed);
  return "index=" + std::to_string(index) + seed + " model=sha256:" + model_.identity;
}

Records CrystalRecords::operator()(const Draws& draws, std::int64_t first, std::int64_t count) {
  check_draws(draws);
  Records records{count, {}, {}};
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
  const std::string comment = this->comment(index);
  Record& record = records.kept.emplace_back();
  record.index = index;
  if (why_invalid(facts).empty()) record.counted = {"valid"};
  record.appended = {crystal_frame(draws, b, facts, comment), table_row(draws, b, facts, model_, index)};
  record.own_name = std::to_string(index) + ".cif";
  record.own = cif_(draws, b, facts, "crystal_" + std::to_string(index), comment);
  record.log_likelihood = std::fmax(draws.log_likelihood[b], kUnlikely);
  record.structure = structure_of(draws, b);
  if (options_.save_density) append_density(record, density_of(draws, b, model_.grid).data(), model_.grid);
}

}  // namespace crystalgrid
