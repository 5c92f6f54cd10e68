// The densities of a run of voxels, four at a time.
#pragma once

#include "fragments.hpp"
#include "simd.hpp"

namespace crystalgrid {
namespace {

static_assert(Simd<float>::kLanes == 4);
using Four = Vector<float>;
using FourInts = Simd<std::int32_t>::Vector;
constexpr Four kFour{0, 1, 2, 3};

inline float sum_of(Four v) { return (v[0] + v[1]) + (v[2] + v[3]); }

/// A bit mask of those of four voxels that are within a length.
inline FourInts within(int length) { return FourInts{0, 1, 2, 3} < broadcast<std::int32_t>(length); }

/// The densities of four voxels of a run from its v-th on, zero past its end.
inline Four densities(const LabelledCube& cube, const Run& run, int v) {
  const int voxel = run.index + v, left = cube.n * cube.n * cube.n - voxel;
  const Four four = left >= 4 ? load(cube.density + voxel) : load_first(cube.density + voxel, left);
  return (Four)((FourInts)four & within(run.length - v));
}

}  // namespace
}  // namespace crystalgrid
