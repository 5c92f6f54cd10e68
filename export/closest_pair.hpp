// The atoms of a crystal that are closest to each other.
#pragma once

#include <cstdint>
#include <span>

namespace crystalgrid {

/// The radius of an atom whose element has none in elements.json, Å.
inline constexpr double kDefaultRadius = 1.0;

/// The least gap, Å, of atoms that are not too close by the rule of LeMat-GenBench (arXiv 2512.04562): half of 0.7 Å.
inline constexpr double kLeastGap = 0.35;

struct ClosestPair {
  double distance = 0;  ///< Å, the smallest between two atoms, images of one atom included
  double share = 0;     ///< the smallest distance as a share of the sum of the two radii, of the same pairs
  double gap = 0;       ///< Å, the smallest distance less half the sum of the two radii, of different atoms
  std::int64_t first = 0, second = 0;  ///< atomic numbers of the two atoms of that gap
  double gap_distance = 0;             ///< Å, the distance of these two
};

/// Return the closest pair among atoms [N] and all their periodic images. Gaps are searched up to that of the rule.
/// `lattice` [3][3] rows in Å, any cell that is not singular; `frac_coords` [N][3].
ClosestPair closest_pair(const double* lattice, const double* frac_coords, std::span<const std::int64_t> numbers);

}  // namespace crystalgrid
