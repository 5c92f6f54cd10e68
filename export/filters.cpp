#include "filters.hpp"

#include "elements.hpp"

namespace crystalgrid {
namespace {

/// The mass of the atoms divided by the cube's volume, g/cm³.
double mass_density(const Atoms& atoms, std::int64_t first, std::int64_t last, const Grid& grid) {
  double mass = 0;
  for (std::int64_t a = first; a < last; ++a) mass += kMasses.at(atoms.numbers[a]);
  constexpr double kGramsPerDalton = 1.66053906660e-24, kCubicCentimetresPerCubicAngstrom = 1e-24;
  return mass * kGramsPerDalton / (grid.length * grid.length * grid.length * kCubicCentimetresPerCubicAngstrom);
}

/// Return whether any two atoms are closer than `distance` Å.
bool has_closer_pair(const Atoms& atoms, std::int64_t first, std::int64_t last, double distance) {
  for (std::int64_t a = first; a < last; ++a)
    for (std::int64_t b = first; b < a; ++b) {
      double squared = 0;
      for (int axis = 0; axis < 3; ++axis) {
        const double d = atoms.positions[3 * a + axis] - atoms.positions[3 * b + axis];
        squared += d * d;
      }
      if (squared < distance * distance) return true;
    }
  return false;
}

}  // namespace

std::optional<Filter> failed_filter(const Filters& filters, const Atoms& atoms, std::int64_t b, const Grid& grid) {
  const std::int64_t first = atoms.offsets[b], last = atoms.offsets[b + 1];
  if (filters.min_atoms && last - first < *filters.min_atoms) return Filter::min_atoms;
  if (filters.max_atoms && last - first > *filters.max_atoms) return Filter::max_atoms;
  if (filters.min_density || filters.max_density) {
    const double density = mass_density(atoms, first, last, grid);
    if (filters.min_density && density < *filters.min_density) return Filter::min_density;
    if (filters.max_density && density > *filters.max_density) return Filter::max_density;
  }
  if (filters.min_distance && has_closer_pair(atoms, first, last, *filters.min_distance)) return Filter::min_distance;
  return std::nullopt;
}

}  // namespace crystalgrid
