#include "crystal_cif.hpp"

#include <cmath>
#include <numeric>

#include "elements.hpp"
#include "space_groups.hpp"
#include "text.hpp"

namespace crystalgrid {
namespace {

/// All translations of the standard settings are multiples of 1/24 of the cell.
constexpr int kFractions = 24;

char wyckoff_letter(std::int64_t letter) { return static_cast<char>(letter < 26 ? 'a' + letter : 'A'); }

/// Return a row of an operation, a linear combination of x, y and z and a fraction.
std::string row_text(const double* row) {
  std::string text;
  for (int axis = 0; axis < 3; ++axis) {
    const int factor = static_cast<int>(std::lround(row[axis]));
    if (factor == 0) continue;
    text += factor < 0 ? "-" : text.empty() ? "" : "+";
    text += static_cast<char>('x' + axis);
  }
  const int parts = static_cast<int>(std::lround(row[3] * kFractions)) % kFractions;
  const int positive = (parts + kFractions) % kFractions, divisor = std::gcd(positive, kFractions);
  if (positive > 0) append(text, "+%d/%d", positive / divisor, kFractions / divisor);
  return text;
}

void append_cell(std::string& cif, const double* lattice) {
  const CellParameters cell = cell_parameters(lattice);
  append(cif, "_cell_length_a %.10f\n_cell_length_b %.10f\n_cell_length_c %.10f\n", cell.a, cell.b, cell.c);
  append(cif, "_cell_angle_alpha %.10f\n_cell_angle_beta %.10f\n_cell_angle_gamma %.10f\n", cell.alpha, cell.beta,
         cell.gamma);
}

/// Append an atom of each orbit. Twelve decimals of 1/3 leave its images in one place for every reader.
void append_orbits(std::string& cif, const Draws& draws, std::int64_t b) {
  cif +=
      "loop_\n_atom_site_label\n_atom_site_type_symbol\n_atom_site_symmetry_multiplicity\n"
      "_atom_site_Wyckoff_symbol\n_atom_site_fract_x\n_atom_site_fract_y\n_atom_site_fract_z\n"
      "_atom_site_occupancy\n";
  std::map<std::int64_t, int> labels;
  for (std::int64_t orbit = draws.orbit_offsets[b]; orbit < draws.orbit_offsets[b + 1]; ++orbit) {
    const std::int64_t number = draws.orbit_numbers[orbit];
    const char* symbol = element(number).symbol.c_str();
    const double* x = draws.orbit_coords.data() + 3 * orbit;
    append(cif, "%s%d %s %d %c %.12f %.12f %.12f 1\n", symbol, ++labels[number], symbol,
           static_cast<int>(draws.multiplicities[orbit]), wyckoff_letter(draws.letters[orbit]), x[0], x[1], x[2]);
  }
}

/// Return how many reduced formulas the conventional cell of crystal b holds.
std::int64_t formula_units(const Draws& draws, std::int64_t b, const CrystalFacts& facts) {
  const auto* first = draws.multiplicities.data();
  const std::int64_t atoms =
      std::accumulate(first + draws.orbit_offsets[b], first + draws.orbit_offsets[b + 1], std::int64_t{0});
  return atoms / atoms_of(reduced(facts.composition));
}

}  // namespace

std::string operation_text(const double* operation) {
  return row_text(operation) + ", " + row_text(operation + 4) + ", " + row_text(operation + 8);
}

const std::string& CifWriter::symmetry(const Draws& draws, std::int64_t group) {
  const auto [place, is_new] = symmetries_.try_emplace(group);
  std::string& text = place->second;
  if (!is_new) return text;
  append(text, "_space_group_name_H-M_alt '%s'\n_space_group_IT_number %d\n", space_group(group).setting.c_str(),
         static_cast<int>(group));
  text += "loop_\n_space_group_symop_id\n_space_group_symop_operation_xyz\n";
  const std::vector<double>& operations = draws.operations.at(group);
  for (std::size_t m = 0; 12 * m < operations.size(); ++m)
    append(text, "%d '%s'\n", static_cast<int>(m + 1), operation_text(operations.data() + 12 * m).c_str());
  return text;
}

std::string CifWriter::operator()(const Draws& draws, std::int64_t b, const CrystalFacts& facts,
                                  const std::string& name, const std::string& comment) {
  std::string cif = "# " + comment + "\ndata_" + name + "\n";
  const Composition unit = reduced(facts.composition);
  append(cif, "_chemical_formula_structural '%s'\n_chemical_formula_sum '%s'\n_cell_formula_units_Z %lld\n",
         facts.formula.c_str(), hill_formula(unit).c_str(), static_cast<long long>(formula_units(draws, b, facts)));
  append_cell(cif, draws.lattice.data() + 9 * b);
  cif += symmetry(draws, draws.space_group[b]);
  append_orbits(cif, draws, b);
  return cif;
}

}  // namespace crystalgrid
