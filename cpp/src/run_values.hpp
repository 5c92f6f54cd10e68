// The values of a run's voxels, four at a time.
#pragma once

#include <cstddef>

#include "fragments.hpp"
#include "simd.hpp"

namespace crystalgrid {
namespace {

static_assert(Simd<float>::kLanes == 4);
using Four = Vector<float>;
using FourInts = Simd<std::int32_t>::Vector;
using Two = Simd<double, 16>::Vector;
constexpr Four kFour{0, 1, 2, 3};

using Shorts = Simd<std::int16_t, 8>::Vector;

/// i, j, first k, last k.
inline Shorts place_of(const Run& run) {
  Shorts place;
  static_assert(offsetof(Run, last) == offsetof(Run, row) + 3 * sizeof(std::int16_t));
  __builtin_memcpy(&place, &run.row, sizeof place);
  return place;
}

/// Return the sums of a vector's first and third element and of its second and fourth.
inline Two to_doubles(Four v) {
  const auto all = __builtin_convertvector(v, Simd<double, 32>::Vector);
  return Two{all[0], all[1]} + Two{all[2], all[3]};
}

/// Return four values from a run's v-th voxel on, with zeros for those beyond the run.
inline Four within(const Run& run, int v, Four values) {
  return (Four)((FourInts)values & (FourInts{0, 1, 2, 3} < broadcast<std::int32_t>(run.length() - v)));
}

/// The values of a cube's voxels [n][n][n]; ones if there are none.
class Values {
 public:
  Values(const float* values, int n) : values(values), last(n * n * n - 4) {}

  /// Return the values of four voxels, with zeros past the cube's end.
  Four four(int voxel) const {
    if (!values) return broadcast(1.0f);
    return voxel <= last ? load(values + voxel) : rest(voxel);
  }

 private:
  [[gnu::noinline, gnu::cold]] Four rest(int voxel) const { return load_first(values + voxel, last + 4 - voxel); }

  const float* values;  // or null
  int last;             // voxel from which on there are four
};

}  // namespace
}  // namespace crystalgrid
