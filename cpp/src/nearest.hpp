// The rule by which atoms label voxels, for CPU and CUDA alike.
#pragma once

#include <cmath>
#include <cstdint>

#include "crystalgrid/lattice.hpp"

namespace crystalgrid {

/// Distances that differ by less than this share are the same, whatever rounding did to them.
constexpr double kSameDistance = 1e-9;

/// Å; a voxel whose centre lies on the sphere counts as inside.
CRYSTALGRID_DEVICE inline double labelling_reach(double radius) { return radius * (1 + kSameDistance); }

/// Indices of the voxels whose centres lie within `reach` of coordinate x.
CRYSTALGRID_DEVICE inline Interval voxels_near(double x, double reach, double spacing, int n) {
  const int low = static_cast<int>(std::ceil((x - reach) / spacing - 0.5));
  const int high = static_cast<int>(std::floor((x + reach) / spacing - 0.5));
  return {low < 0 ? 0 : low, high > n - 1 ? n - 1 : high};
}

/// Return whether an atom z at squared distance d takes a voxel from the one that has it, `label` at `nearest` (0: no
/// atom yet). Of atoms equally near, the one with the smaller atomic number wins.
CRYSTALGRID_DEVICE inline bool labels_instead(double d, std::uint8_t z, double nearest, std::uint8_t label) {
  return label == 0 || d < nearest * (1 - kSameDistance) || (d <= nearest * (1 + kSameDistance) && z < label);
}

}  // namespace crystalgrid
