#include "draws.hpp"

#include <algorithm>
#include <cmath>
#include <string>

#include "crystalgrid/crystals.hpp"
#include "errors.hpp"
#include "space_groups.hpp"

namespace crystalgrid {
namespace {

constexpr std::int64_t kLetters = 27;  // a to z and A, of Pmmm

template <class T>
void check_size(const std::vector<T>& values, std::int64_t size, const char* name) {
  if (static_cast<std::int64_t>(values.size()) != size)
    throw InputError(std::string("the generator gives ") + std::to_string(values.size()) + " values of " + name +
                     ", wanted " + std::to_string(size));
}

void check_within(const std::vector<std::int64_t>& values, std::int64_t least, std::int64_t most, const char* name) {
  const auto outside =
      std::find_if(values.begin(), values.end(), [&](std::int64_t x) { return x < least || x > most; });
  if (outside != values.end())
    throw InputError(std::string("the generator gives ") + name + " " + std::to_string(*outside) + ", wanted " +
                     std::to_string(least) + " to " + std::to_string(most));
}

void check_finite(const std::vector<double>& values, const char* name) {
  if (!std::all_of(values.begin(), values.end(), [](double x) { return std::isfinite(x); }))
    throw InputError(std::string("the generator gives ") + name + " that are not finite");
}

/// Return how many rows the offsets of a ragged array of `size` crystals count.
std::int64_t rows(const std::vector<std::int64_t>& offsets, std::int64_t size, const char* name) {
  check_size(offsets, size + 1, name);
  if (offsets.front() != 0 || !std::is_sorted(offsets.begin(), offsets.end()))
    throw InputError(std::string("the generator gives ") + name + " that do not ascend from 0");
  return offsets.back();
}

void check_cells(const Draws& draws) {
  const std::int64_t size = draws.size();
  check_size(draws.lattice, 9 * size, "lattice");
  check_size(draws.primitive_lattice, 9 * size, "primitive_lattice");
  for (std::int64_t b = 0; b < size; ++b) {
    if (draws.numbers_of(b).empty()) continue;
    for (const auto* cells : {&draws.lattice, &draws.primitive_lattice}) {
      const double* cell = cells->data() + 9 * b;
      const Vec3 a_vector{cell[0], cell[1], cell[2]}, b_vector{cell[3], cell[4], cell[5]},
          c_vector{cell[6], cell[7], cell[8]};
      if (cell_fault(a_vector, b_vector, c_vector, 1) == CellFault::singular)
        throw InputError("the generator gives a lattice that is singular or not finite");
    }
    const auto operations = draws.operations.find(draws.space_group[b]);
    if (operations == draws.operations.end() || operations->second.empty() || operations->second.size() % 12 != 0)
      throw InputError("the generator gives no operations of space group " + std::to_string(draws.space_group[b]));
  }
}

}  // namespace

void check_draws(const Draws& draws) {
  const std::int64_t size = draws.size(), orbits = rows(draws.orbit_offsets, size, "orbit_offsets"),
                     atoms = rows(draws.atom_offsets, size, "atom_offsets");
  check_size(draws.letters, orbits, "letters");
  check_size(draws.multiplicities, orbits, "multiplicities");
  check_size(draws.orbit_numbers, orbits, "orbit_numbers");
  check_size(draws.orbit_coords, 3 * orbits, "orbit_coords");
  check_size(draws.numbers, atoms, "numbers");
  check_size(draws.frac_coords, 3 * atoms, "frac_coords");
  check_size(draws.log_likelihood, size, "log_likelihood");
  check_size(draws.relative, size, "relative");
  check_size(draws.same_as, size, "same_as");
  check_size(draws.formula_seen, size, "formula_seen");
  check_within(draws.letters, 0, kLetters - 1, "letter");
  check_within(draws.multiplicities, 1, 192, "multiplicity");
  check_within(draws.orbit_numbers, 1, kMaxZ, "atomic number");
  check_within(draws.numbers, 1, kMaxZ, "atomic number");
  check_finite(draws.orbit_coords, "orbit_coords");
  check_finite(draws.frac_coords, "frac_coords");
  for (std::int64_t b = 0; b < size; ++b)
    if (!draws.numbers_of(b).empty()) check_within({draws.space_group[b]}, 1, kSpaceGroups, "space group");
  check_cells(draws);
}

}  // namespace crystalgrid
