// Fragments of one cube: voxels of one label that touch.
#pragma once

#include <array>
#include <compare>
#include <cstdint>
#include <vector>

#include "crystalgrid/atoms.hpp"
#include "label_bits.hpp"

namespace crystalgrid {

constexpr int kNone = -1;

struct LabelledCube {
  int n;
  const std::uint8_t* species;
  const float* density;          // or null
  const float* confidence;       // or null
  int last;                      // from here on the labels are read from
  std::uint8_t rest[3 * kWord];  // which goes on with zeros
};

/// Voxels of one label that touch, and, once others have joined it, an atom.
struct Fragment {
  std::int64_t voxels = 0;
  std::array<std::int64_t, 3> sum{};  // Σ (i, j, k)
  double density = 0;                 // Σ
  std::uint8_t label = 0;
  bool at_face = false;

  double centre(int axis) const { return static_cast<double>(sum[axis]) / static_cast<double>(voxels); }
  void add(const Fragment& other) {
    voxels += other.voxels;
    for (int axis = 0; axis < 3; ++axis) sum[axis] += other.sum[axis];
    density += other.density;
    at_face |= other.at_face;
  }
};

/// Voxels of one label side by side along z. A ball has half as many of them as voxels.
struct Run {
  int index, i, j, k;  // of its first voxel
  int length;
  int fragment;
  std::uint8_t label;
};

struct Touch {
  int first, second;
  bool operator==(const Touch&) const = default;
  auto operator<=>(const Touch&) const = default;
};

/// Voxels side by side along z, a bit for each.
struct Word {
  std::uint32_t labelled = 0;
  std::uint32_t firsts = 0;  // of runs
};

/// A word that is not empty.
struct Place {
  int word, index, i, j, k;  // where it is in Scratch::words, and its first voxel
};

/// The fragments of a cube, and what a thread keeps from cube to cube to find them.
struct Fragments {
  std::vector<Word> words;    // by planes of n + 2 rows, of which two are empty, as is the plane before
  std::vector<Place> places;  // in the order of their first voxels
  std::vector<Run> runs;      // in the order of their first voxels
  std::vector<int> piece;     // voxel → piece of a fragment, valid only for labelled voxels
  int pieces = 0;
  std::vector<int> parent;    // union-find over the pieces, and room for more
  std::vector<int> fragment;  // piece → fragment
  std::vector<Fragment> fragments;
  std::vector<Touch> touches;  // pieces, then fragments that touch
};

/// Cube b of a batch.
LabelledCube labelled_cube(const LabelledCubes& cubes, std::int64_t b, const Grid& grid);

/// All fragments in the order of their first voxels, their runs, and which of them touch: seen from both sides, in
/// order, once. `connectivity` is 6 or 26.
void find_fragments(const LabelledCube& cube, int connectivity, Fragments& f);

}  // namespace crystalgrid
