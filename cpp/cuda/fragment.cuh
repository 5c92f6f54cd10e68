// Voxels of one label that touch, less those of another ball, and what becomes of them.
#pragma once

#include "balls.hpp"

namespace crystalgrid::cuda {

constexpr int kNone = -1;

/// A fragment, and, where it founds an atom, that atom with all that joins.
struct Fragment {
  int low[3], high[3];        // box of the atom's voxels, both ends included
  int own_voxels, voxels;     // the fragment's, and the atom's
  unsigned long long sum[3];  // Σ (i, j, k) over the atom's voxels
  int label;
  int touches;       // whether it touches a fragment of another label
  int pending;       // the list of fragments that still have no atom, spread over the fragments
  int atom;          // the fragment that founded its atom
  int first;         // of the atom: its first fragment, where the atom stands in the result
  int votes;         // of the atom: for this fragment's label
  int next_label;    // of the atom: the next fragment that brought in a label
  int place;         // where the atom that stands here goes in the result
  double centre[3];  // of the atom, in voxels

  __device__ double middle(int axis) const { return static_cast<double>(sum[axis]) / static_cast<double>(voxels); }
};

/// Return the fragment that a voxel is of. `root` holds -1 for no label, -2 - f at the first voxel of fragment f, and
/// for the fragment's other voxels that first voxel.
__device__ inline int fragment_at(const int* root, int voxel) {
  int f = root[voxel];
  if (f >= 0) f = root[f];
  return f == -1 ? kNone : -2 - f;
}

/// Call `visit(neighbour)` for each neighbour of a voxel in the cube: steps of one of 27 kinds, in ascending order, of
/// which those before the middle lead to earlier voxels.
template <class Visit>
__device__ void for_each_neighbour(Voxel at, int n, int connectivity, int steps, const Visit& visit) {
  for (int step = 0; step < steps; ++step) {
    const int di = step / 9 - 1, dj = step / 3 % 3 - 1, dk = step % 3 - 1, faces = di * di + dj * dj + dk * dk;
    if (faces == 0 || (connectivity == 6 && faces != 1)) continue;
    const int i = at.i + di, j = at.j + dj, k = at.k + dk;
    if (i >= 0 && i < n && j >= 0 && j < n && k >= 0 && k < n) visit((i * n + j) * n + k);
  }
}
constexpr int kEarlier = 13, kAll = 27;

__device__ inline Voxel place_of(int voxel, int n) { return {voxel / n / n, voxel / n % n, voxel % n}; }

}  // namespace crystalgrid::cuda
