// Filters that decide which draws are kept.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <vector>

#include "crystalgrid/atoms.hpp"
#include "crystalgrid/grid.hpp"
#include "records.hpp"

namespace crystalgrid {

/// Limits on what is kept; an absent limit keeps everything. They are on the cube, or on the crystal and its primitive
/// cell.
struct Filters {
  std::optional<double> min_distance;  ///< Å, between any two atoms
  std::optional<int> min_atoms, max_atoms;
  std::optional<double> min_density, max_density;  ///< g/cm³
};

/// What the filters look at. The smallest distance is only computed where it is asked for.
struct Measures {
  std::int64_t atoms = 0;
  double density = 0;                ///< g/cm³
  std::function<double()> distance;  ///< Å, the smallest between two atoms; infinity if there is none
};

/// Return g/cm³ of a mass in Da in a volume in Å³.
double mass_density(double mass, double volume);

/// Return the measures of cube b; they refer to `atoms`.
Measures measure_cube(const Atoms& atoms, std::int64_t b, const Grid& grid);

/// Return the name of the first filter that these measures do not pass; null if they pass all.
const char* failed_filter(const Filters& filters, const Measures& measures);

/// Return the names of the filters in a library's manifest.
std::vector<Layout::Count> filter_removals();

}  // namespace crystalgrid
