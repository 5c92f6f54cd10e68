// What the voxels of a run have, four at a time.
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

/// The values of four voxels of a run from its v-th on, zero past its end; `values` [n][n][n].
inline Four along(const Run& run, int v, const float* values, int n) {
  const int voxel = run.index + v, left = n * n * n - voxel;
  const Four four = left >= 4 ? load(values + voxel) : load_first(values + voxel, left);
  return (Four)((FourInts)four & within(run.length - v));
}

}  // namespace
}  // namespace crystalgrid
