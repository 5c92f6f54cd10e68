// The cube of voxels that a density lives on.
#pragma once

#include "crystalgrid/device.hpp"

namespace crystalgrid {

/// A Cartesian cube of n³ voxels with side `length` Å and Gaussians of standard deviation `sigma` Å.
/// Voxel (i, j, k) has its centre at ((i+½)h, (j+½)h, (k+½)h) from the cube's corner; arrays are [n][n][n], x slowest.
struct Grid {
  int n = 30;
  double length = 10.0;
  double sigma = 1.0;

  CRYSTALGRID_DEVICE double spacing() const { return length / n; }
  CRYSTALGRID_DEVICE long voxels() const { return static_cast<long>(n) * n * n; }
};

}  // namespace crystalgrid
