// Fragments of one cube: voxels of one label that touch.
#pragma once

#include <array>
#include <compare>
#include <cstdint>
#include <utility>
#include <vector>

#include "balls.hpp"
#include "crystalgrid/atoms.hpp"
#include "label_bits.hpp"

namespace crystalgrid {

constexpr int kNone = -1;

struct LabelledCube {
  int n;
  const std::uint8_t* species;
  const float* density;          // or null
  const float* confidence;       // or null
  int last;                      // from this voxel on labels are read from `rest`,
  std::uint8_t rest[3 * kWord];  // in which zeros follow them
};

/// A row of voxels along z, by its first two indices.
struct Row {
  std::int16_t i, j;
};

/// Voxels of one label side by side along z. A ball has half as many of them as voxels. The runs of a fragment, and
/// then those of an atom, are linked in a ring.
struct Run {
  int index;  // of its first voxel
  int next;   // run of the ring
  Row row;
  std::int16_t first, last;  // k

  int length() const { return last - first + 1; }
};

/// Voxels of one label that touch and are of one ball; once other fragments have joined it, an atom.
struct Fragment {
  int first;  // of its runs
  int label;
  int votes = 0;  // of an atom's voxels for its label, 0 for all
  int voxels = 0;
  double density = 0;                 // Σ
  std::array<int, 3> low{}, high{};   // (i, j, k)
  std::array<std::int64_t, 3> sum{};  // Σ (i, j, k), only where fragments touch

  double centre(int axis) const { return static_cast<double>(sum[axis]) / voxels; }
};

struct Touch {
  int first, second;
  bool operator==(const Touch&) const = default;
  auto operator<=>(const Touch&) const = default;
};

/// Voxels side by side along z, a bit for each.
struct Word {
  std::uint32_t labelled = 0;
  std::uint32_t firsts = 0;  // of runs, where any is labelled
};

/// A word that is not empty, by its first voxel.
struct Place {
  int index, word;
  Row row;
};

/// The fragments of a cube, and what a thread keeps from cube to cube to find them.
struct Fragments {
  std::vector<Word> words;  // by planes of n + 2 rows, of which two are empty, as is the plane before
  std::vector<Place> places;
  std::vector<int> run_at;  // kSlots for each word: the run of each voxel, valid for labelled ones only, …, kNoRun
  int run_count = 0;        // the arrays below have room for more
  std::vector<Run> runs;    // in the order of their first voxels, after kNoRun; then what was cut off from some
  std::vector<int> label, parent;  // of each run; union-find
  std::vector<int> roots;
  std::vector<Fragment> fragments;
  std::vector<int> fragment_of;  // run → fragment, only where fragments touch
  std::vector<int> ring;         // runs of a fragment that is split
  bool split;                    // whether any was, so that some of one label touch
  std::vector<Touch> touches;    // runs, then fragments that touch
};

constexpr int words_of_row(int n) { return (n + kWord - 1) / kWord; }

/// Return which of Fragments::words has a voxel's bit.
constexpr int word_of(int i, int j, int k, int n) { return ((i + 1) * (n + 2) + j + 1) * words_of_row(n) + k / kWord; }

/// A run's number is written to four voxels at once, and so to some past a word's own; the last slot stays kNoRun.
constexpr int kSlots = kWord + 4, kNoRun = 0;

inline int run_at(const Fragments& f, int i, int j, int k, int n) {
  return f.run_at[word_of(i, j, k, n) * kSlots + k % kWord];
}

/// Call `visit(run)` for each run of a ring.
template <class Visit>
void for_each_run(const Fragments& f, int first, const Visit& visit) {
  int r = first;
  do visit(f.runs[r]);
  while ((r = f.runs[r].next) != first);
}

/// Make one ring of two.
inline void join_rings(int r, int other, std::vector<Run>& runs) { std::swap(runs[r].next, runs[other].next); }

/// Cube b of a batch.
LabelledCube labelled_cube(const LabelledCubes& cubes, std::int64_t b, const Grid& grid);

void grow(Fragments& f);

/// Make room for as many further runs as a word can have.
inline void make_room(Fragments& f) {
  if (f.runs.size() < static_cast<std::size_t>(f.run_count) + kWord) grow(f);
}

/// All fragments in the order of their first voxels, their runs, and which of them touch: seen from both sides, in
/// order, once. `connectivity` is 6 or 26.
void find_fragments(const LabelledCube& cube, const BallRule& rule, int connectivity, Fragments& f);

/// Set a fragment's number of voxels, their extent, and the sum of their densities.
void measure(const LabelledCube& cube, Fragment& fragment, const Fragments& f);

/// Split the fragments that are several balls. Returns whether there were any; if so, runs have been cut.
bool split_fragments(const LabelledCube& cube, const BallRule& rule, Fragments& f);

}  // namespace crystalgrid
