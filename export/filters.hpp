// Which structures are kept.
#pragma once

#include <array>
#include <cstdint>
#include <optional>

#include "crystalgrid/atoms.hpp"
#include "crystalgrid/grid.hpp"

namespace crystalgrid {

/// Absent ones keep everything.
struct Filters {
  std::optional<double> min_distance;              ///< Å, between any two atoms of the cube
  std::optional<int> min_atoms, max_atoms;         ///< in the cube
  std::optional<double> min_density, max_density;  ///< g/cm³: mass of the cube's atoms by its volume
};

inline constexpr std::array kFilterNames{"min_distance", "min_atoms", "max_atoms", "min_density", "max_density"};

/// Place in kFilterNames of the first filter that cube b of `atoms` fails, none if it is kept. Counting comes first,
/// the distances last.
std::optional<int> failed_filter(const Filters& filters, const Atoms& atoms, std::int64_t b, const Grid& grid);

}  // namespace crystalgrid
