// The division of a cube among blocks and warps: each warp of a block works a tile of it, whose voxels its threads hold
// in registers while the images that reach the tile stream by, as products of three tabulated factors.
#pragma once

#include "crystalgrid/grid.hpp"
#include "images.cuh"

namespace crystalgrid::cuda {

/// A thread holds 5 × 5 voxels along x and y; a warp two of these along y and 16 along z; a block 3 × 3 warps.
struct Tile {
  static constexpr int kSide = 5, kLanesY = 2, kLanesZ = 16;
  static constexpr int kX = kSide, kY = kSide * kLanesY, kZ = kLanesZ;  // of a warp
};
struct Part {
  static constexpr int kTilesX = 3, kTilesY = 3;
  static constexpr int kX = kTilesX * Tile::kX, kY = kTilesY * Tile::kY, kZ = Tile::kZ;  // of a block
};
constexpr int kTiles = Part::kTilesX * Part::kTilesY;
constexpr int kTileThreads = kTiles * kWarp;

/// Return the number of parts of a cube.
__host__ __device__ inline int parts(int n) {
  return ((n + Part::kX - 1) / Part::kX) * ((n + Part::kY - 1) / Part::kY) * ((n + Part::kZ - 1) / Part::kZ);
}

/// Hides from the compiler where a value comes from, so that what follows from it is worked out here, not before a loop
/// and held in registers all the way.
__device__ inline int just_here(int value) {
  asm volatile("" : "+r"(value));
  return value;
}

struct Voxel {
  int x, y, z;
};

__device__ inline Voxel first_of_part(int part, int n) {
  const int y = (n + Part::kY - 1) / Part::kY, z = (n + Part::kZ - 1) / Part::kZ;
  return {part / z / y * Part::kX, part / z % y * Part::kY, part % z * Part::kZ};
}

/// The centres of at most x × y × z voxels of a cube, from `first` on.
__device__ inline Box box_of_centres(Voxel first, int x, int y, int z, const Grid& grid) {
  const double h = grid.spacing();
  return {{(first.x + 0.5) * h, (first.y + 0.5) * h, (first.z + 0.5) * h},
          {(min(first.x + x, grid.n) - 0.5) * h, (min(first.y + y, grid.n) - 0.5) * h,
           (min(first.z + z, grid.n) - 0.5) * h}};
}

/// Images near a part, in units of σ·√(2 ln 2), in which a Gaussian is 2^(-u²).
template <class T>
struct ImageList {
  static constexpr int kCapacity = 2 * kTileThreads;
  T position[3][kCapacity];
  T weight[kCapacity];
};

/// 2^(-u²) of some images at a part's voxels along each axis: threes of five along x and sixes of five along y, each
/// padded to eight so that a thread reads its five in two loads, and sixteen along z.
template <class T>
struct Factors {
  static constexpr int kImages = sizeof(T) == 4 ? 64 : 24;
  static constexpr int kPadded = 8;
  static constexpr int kY = Part::kX / Tile::kSide * kPadded;
  static constexpr int kZ = kY + Part::kY / Tile::kSide * kPadded;
  static constexpr int kRow = kZ + Part::kZ;
  alignas(16) T rows[kImages][kRow];
};

/// Tabulate images `first` to `first + count` of the list, along x times `weight` if there is one. 64 threads share a
/// row, so each has one voxel to care for.
template <class T>
__device__ void tabulate(const T (&position)[3][ImageList<T>::kCapacity], const T* weight, int first, int count,
                         Voxel corner, T spacing, Factors<T>& factors) {
  constexpr int kRowThreads = 64, kRows = kTileThreads / kRowThreads;
  static_assert(Part::kX + Part::kY + Part::kZ <= kRowThreads);
  int i = threadIdx.x % kRowThreads, axis = 0, start = corner.x, place = 0;
  if (i >= Part::kX) i -= Part::kX, axis = 1, start = corner.y, place = Factors<T>::kY;
  if (axis == 1 && i >= Part::kY) i -= Part::kY, axis = 2, start = corner.z, place = Factors<T>::kZ;
  if (threadIdx.x >= kRows * kRowThreads || (axis == 2 && i >= Part::kZ)) return;
  place += axis == 2 ? i : i / Tile::kSide * Factors<T>::kPadded + i % Tile::kSide;
  const T centre = (start + i + T(0.5)) * spacing;
  for (int m = threadIdx.x / kRowThreads; m < count; m += kRows) {
    const T u = centre - position[axis][first + m];
    const T gaussian = exp2(-(u * u));
    factors.rows[m][place] = weight && axis == 0 ? weight[first + m] * gaussian : gaussian;
  }
}

/// A thread's voxels, and the box of its warp's, in the list's units.
template <class T>
struct ThreadTile {
  int n;
  Voxel first;              // of the thread's voxels
  int row_x, row_y, row_z;  // where its factors stand in a row of the table
  T low[3], high[3];        // centres of the warp's first and last voxels
  T reach_squared;          // less than 0 where the warp has no voxels

  __device__ ThreadTile(Voxel part, int n, T spacing, T reach) : n(n) {
    const int thread = just_here(threadIdx.x), warp = thread / kWarp, lane = thread % kWarp;
    const int tile_x = warp % Part::kTilesX, tile_y = warp / Part::kTilesX;
    const int group_y = lane / Tile::kLanesZ, lane_z = lane % Tile::kLanesZ;
    const Voxel tile{just_here(part.x) + tile_x * Tile::kX, just_here(part.y) + tile_y * Tile::kY, just_here(part.z)};
    first = {tile.x, tile.y + group_y * Tile::kSide, tile.z + lane_z};
    row_x = tile_x * Factors<T>::kPadded;
    row_y = Factors<T>::kY + (tile_y * Tile::kLanesY + group_y) * Factors<T>::kPadded;
    row_z = Factors<T>::kZ + lane_z;
    const int begin[3] = {tile.x, tile.y, tile.z};
    const int end[3] = {tile.x + Tile::kX, tile.y + Tile::kY, tile.z + Tile::kZ};
    for (int axis = 0; axis < 3; ++axis) {
      low[axis] = (begin[axis] + T(0.5)) * spacing;
      high[axis] = (min(end[axis], n) - T(0.5)) * spacing;
    }
    reach_squared = tile.x < n && tile.y < n ? reach * reach : T(-1);
  }

  __device__ bool reached_by(T x, T y, T z) const {
    const T p[3] = {x, y, z};
    T squared = 0;
    for (int axis = 0; axis < 3; ++axis) {
      const T d = max(max(low[axis] - p[axis], p[axis] - high[axis]), T(0));
      squared += d * d;
    }
    return squared <= reach_squared;
  }

  /// Call `visit(m)` for the images `first` + m, m < count, of the list that reach the warp's tile. The whole warp
  /// calls.
  template <class Visit>
  __device__ void for_each_reaching(const T (&position)[3][ImageList<T>::kCapacity], int first, int count,
                                    const Visit& visit) const {
    const int lane = threadIdx.x % kWarp;
    for (int base = 0; base < count; base += kWarp) {
      const int m = first + base + lane;
      const bool reaches = base + lane < count && reached_by(position[0][m], position[1][m], position[2][m]);
      for (unsigned left = __ballot_sync(kAllLanes, reaches); left; left &= left - 1) visit(base + __ffs(left) - 1);
    }
  }

  /// Call `visit(i, j, voxel)` for the thread's voxels that lie in the cube, `voxel` their place in the cube's array.
  template <class Visit>
  __device__ void for_each_voxel(const Visit& visit) const {
    const int x = just_here(first.x), y = just_here(first.y), z = just_here(first.z);
#pragma unroll
    for (int i = 0; i < Tile::kSide; ++i)
#pragma unroll
      for (int j = 0; j < Tile::kSide; ++j)
        if (x + i < n && y + j < n && z < n) visit(i, j, (static_cast<std::int64_t>(x + i) * n + y + j) * n + z);
  }
};

template <class T>
struct alignas(16) SixteenBytes {
  T values[16 / sizeof(T)];
};

/// Five factors from 16-byte aligned shared memory, in as few loads as there are.
template <class T>
__device__ inline void load_five(const T* factors, T (&five)[Tile::kSide]) {
  constexpr int kEach = 16 / sizeof(T), kWhole = Tile::kSide / kEach * kEach;
#pragma unroll
  for (int i = 0; i < kWhole; i += kEach) {
    const auto loaded = *reinterpret_cast<const SixteenBytes<T>*>(factors + i);
#pragma unroll
    for (int e = 0; e < kEach; ++e) five[i + e] = loaded.values[e];
  }
#pragma unroll
  for (int i = kWhole; i < Tile::kSide; ++i) five[i] = factors[i];
}

}  // namespace crystalgrid::cuda
