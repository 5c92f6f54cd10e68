#include "crystal_text.hpp"

#include <numeric>

#include "elements.hpp"
#include "space_groups.hpp"
#include "text.hpp"

namespace crystalgrid {
namespace {

/// Return a field of a CSV file, in quotes where its content asks for them.
std::string field(const std::string& text) {
  if (text.find_first_of(",\"\n") == std::string::npos) return text;
  std::string quoted = "\"";
  for (const char c : text) quoted += c == '"' ? "\"\"" : std::string(1, c);
  return quoted + "\"";
}

/// Return which training crystal this is: its id, "formula only" if a training crystal has the same formula, or
/// nothing.
std::string known_as(const Draws& draws, std::int64_t b, const Metadata& model) {
  const std::int64_t same = draws.same_as[b];
  if (same >= 0 && same < static_cast<std::int64_t>(model.training_ids.size())) return model.training_ids[same];
  if (same >= 0) return "training crystal " + std::to_string(same);
  return draws.formula_seen[b] ? "formula only" : "";
}

/// Return how many of the formula's units the conventional cell holds: half of one for a single atom of O2.
double formula_units(const Draws& draws, std::int64_t b, const std::string& formula) {
  const auto* first = draws.multiplicities.data();
  const std::int64_t atoms =
      std::accumulate(first + draws.orbit_offsets[b], first + draws.orbit_offsets[b + 1], std::int64_t{0});
  return static_cast<double>(atoms) / static_cast<double>(atoms_of(parse_formula(formula)));
}

}  // namespace

std::string crystal_frame(const Draws& draws, std::int64_t b, const CrystalFacts& facts, const std::string& comment) {
  std::string frame;
  const std::int64_t first = draws.atom_offsets[b], last = draws.atom_offsets[b + 1];
  frame.reserve(400 + 48 * (last - first));
  append(frame, "%lld\nLattice=\"", static_cast<long long>(last - first));
  const double* lattice = draws.primitive_lattice.data() + 9 * b;
  for (int side = 0; side < 9; ++side) append(frame, "%s%.10f", side == 0 ? "" : " ", lattice[side]);
  append(frame,
         "\" Properties=species:S:1:pos:R:3 pbc=\"T T T\" %s formula=\"%s\" space_group=%d log_likelihood=%.6f\n",
         comment.c_str(), facts.formula.c_str(), static_cast<int>(draws.space_group[b]), draws.log_likelihood[b]);
  for (std::int64_t atom = first; atom < last; ++atom) {
    const double* x = draws.frac_coords.data() + 3 * atom;
    const auto cartesian = [&](int axis) {
      return x[0] * lattice[axis] + x[1] * lattice[3 + axis] + x[2] * lattice[6 + axis];
    };
    append(frame, "%-2s %.10f %.10f %.10f\n", element(draws.numbers[atom]).symbol.c_str(), cartesian(0), cartesian(1),
           cartesian(2));
  }
  return frame;
}

std::string table_header() {
  return "index,formula,z,space_group,space_group_number,a,b,c,alpha,beta,gamma,atoms,volume_per_atom,density,"
         "smallest_distance,smallest_distance_share,charge_balanced,valid,log_likelihood,structure,known_as\n";
}

std::string table_row(const Draws& draws, std::int64_t b, const CrystalFacts& facts, const Metadata& model,
                      std::int64_t index) {
  std::string row;
  const CellParameters cell = cell_parameters(draws.lattice.data() + 9 * b);
  const std::int64_t group = draws.space_group[b];
  append(row, "%lld,%s,%g,%s,%d,", static_cast<long long>(index), facts.formula.c_str(),
         formula_units(draws, b, facts.formula), space_group(group).symbol.c_str(), static_cast<int>(group));
  append(row, "%.5f,%.5f,%.5f,%.4f,%.4f,%.4f,", cell.a, cell.b, cell.c, cell.alpha, cell.beta, cell.gamma);
  append(row, "%lld,%.4f,%.4f,%.4f,%.4f,%s,", static_cast<long long>(facts.atoms),
         facts.volume / static_cast<double>(facts.atoms), facts.density, facts.closest.distance, facts.closest.share,
         facts.charge_balanced ? "true" : "false");
  const std::string invalid = why_invalid(facts);
  append(row, "%s,%.6f,%s,", invalid.empty() ? "true" : field(invalid).c_str(), draws.log_likelihood[b],
         draws.relative[b] >= 0    ? "known"
         : draws.relative[b] == -1 ? "new type"
                                   : "ordering");
  return row + field(known_as(draws, b, model)) + "\n";
}

}  // namespace crystalgrid
