// Filters that decide which structures are kept.
#pragma once

#include <array>
#include <cstdint>
#include <optional>

#include "crystalgrid/atoms.hpp"
#include "crystalgrid/grid.hpp"

namespace crystalgrid {

/// Limits on what is kept; an absent limit keeps everything.
struct Filters {
  std::optional<double> min_distance;              ///< Å, between any two atoms of the cube
  std::optional<int> min_atoms, max_atoms;         ///< in the cube
  std::optional<double> min_density, max_density;  ///< g/cm³: mass of the cube's atoms by its volume
};

enum class Filter { min_distance, min_atoms, max_atoms, min_density, max_density };

/// Names of the filters in a library's manifest, in the order of the enumeration.
inline constexpr std::array kFilterNames{"min_distance", "min_atoms", "max_atoms", "min_density", "max_density"};

/// Return the first filter that cube b of `atoms` fails; none if the cube is kept. Counts are compared first and
/// distances, which take longest, last.
std::optional<Filter> failed_filter(const Filters& filters, const Atoms& atoms, std::int64_t b, const Grid& grid);

}  // namespace crystalgrid
