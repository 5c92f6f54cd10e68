#include "filters.hpp"

#include <algorithm>
#include <cmath>

#include "elements.hpp"

namespace crystalgrid {
namespace {

/// The smallest distance between two atoms, Å; infinity if there are fewer.
double smallest_distance(const Atoms& atoms, std::int64_t first, std::int64_t last) {
  double least = HUGE_VAL;
  for (std::int64_t a = first; a < last; ++a)
    for (std::int64_t b = first; b < a; ++b) {
      double squared = 0;
      for (int axis = 0; axis < 3; ++axis) {
        const double d = atoms.positions[3 * a + axis] - atoms.positions[3 * b + axis];
        squared += d * d;
      }
      least = std::min(least, squared);
    }
  return std::sqrt(least);
}

}  // namespace

double mass_density(double mass, double volume) {
  constexpr double kGramsPerDalton = 1.66053906660e-24, kCubicCentimetresPerCubicAngstrom = 1e-24;
  return mass * kGramsPerDalton / (volume * kCubicCentimetresPerCubicAngstrom);
}

Measures measure_cube(const Atoms& atoms, std::int64_t b, const Grid& grid) {
  const std::int64_t first = atoms.offsets[b], last = atoms.offsets[b + 1];
  double mass = 0;
  for (std::int64_t a = first; a < last; ++a) mass += element(atoms.numbers[a]).mass;
  return {last - first, mass_density(mass, grid.length * grid.length * grid.length),
          [&atoms, first, last] { return smallest_distance(atoms, first, last); }};
}

const char* failed_filter(const Filters& filters, const Measures& measures) {
  if (filters.min_atoms && measures.atoms < *filters.min_atoms) return "min_atoms";
  if (filters.max_atoms && measures.atoms > *filters.max_atoms) return "max_atoms";
  if (filters.min_density && measures.density < *filters.min_density) return "min_density";
  if (filters.max_density && measures.density > *filters.max_density) return "max_density";
  if (filters.min_distance && measures.distance() < *filters.min_distance) return "min_distance";
  return nullptr;
}

std::vector<Layout::Count> filter_removals() {
  constexpr auto kWords = "were filtered out; manifest.json counts by what";
  std::vector<Layout::Count> removals;
  for (const char* filter : {"min_distance", "min_atoms", "max_atoms", "min_density", "max_density"})
    removals.push_back({filter, kWords});
  return removals;
}

}  // namespace crystalgrid
