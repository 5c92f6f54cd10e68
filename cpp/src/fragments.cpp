#include "fragments.hpp"

#include <algorithm>
#include <bit>

#include "run_values.hpp"

namespace crystalgrid {
namespace {

constexpr int words_of_row(int n) { return (n + kWord - 1) / kWord; }

/// Steps to the rows before a voxel's own in which it has neighbours, and how far these reach along z.
struct Rows {
  int count, margin;
  struct {
    int di, dj;
  } steps[4];
};

constexpr Rows kFaces{2, 0, {{0, -1}, {-1, 0}}}, kAll{4, 1, {{0, -1}, {-1, 0}, {-1, -1}, {-1, 1}}};

/// The labels of a word's voxels and of one more.
const std::uint8_t* labels_of(const LabelledCube& cube, int index) {
  return index < cube.last ? cube.species + index : cube.rest + (index - cube.last);
}

/// Find the labelled voxels.
void fill_words(const LabelledCube& cube, Fragments& s) {
  const int n = cube.n, width = words_of_row(n);
  s.words.resize(((n + 1) * (n + 2) + 1) * width);
  s.places.resize(n * n * width + 1);
  Place place{(n + 3) * width, 0, 0, 0, 0};
  Place* next = s.places.data();
  for (; place.i < n; ++place.i, place.word += 2 * width)
    for (place.j = 0; place.j < n; ++place.j)
      for (place.k = 0; place.k < n; place.k += kWord, ++place.word) {
        const int length = std::min(kWord, n - place.k);
        const std::uint32_t labelled = labelled_bits(labels_of(cube, place.index)) & ~0u >> (kWord - length);
        s.words[place.word].labelled = labelled;
        s.words[place.word].firsts = 0;
        *next = place;
        next += labelled != 0;
        place.index += length;
      }
  s.places.resize(next - s.places.data());
}

int find_root(std::vector<int>& parent, int i) {
  while (parent[i] != i) i = parent[i] = parent[parent[i]];
  return i;
}

void unite(int p, int q, std::vector<int>& parent) {
  p = find_root(parent, p), q = find_root(parent, q);
  parent[std::max(p, q)] = std::min(p, q);  // the first piece stays the root
}

/// Join a run with its neighbours that come before it, voxel by voxel.
void link_fully(const LabelledCube& cube, const Rows& rows, const Run& run, Fragments& s) {
  const auto link = [&](int voxel) {
    const int piece = s.piece[voxel];
    if (cube.species[voxel] == 0) return;
    if (cube.species[voxel] != run.label) {
      s.touches.push_back({piece, run.fragment});
      return;
    }
    unite(piece, run.fragment, s.parent);
  };
  if (run.k > 0) link(run.index - 1);
  const int begin = std::max(run.k - rows.margin, 0), end = std::min(run.k + run.length + rows.margin, cube.n);
  for (int step = 0; step < rows.count; ++step) {
    const auto [di, dj] = rows.steps[step];
    if (run.i + di < 0 || run.j + dj < 0 || run.j + dj >= cube.n) continue;
    const int row = run.index - run.k + (di * cube.n + dj) * cube.n;
    for (int k = begin; k < end; ++k) link(row + k);
  }
}

/// Pieces of a run's label that it touches, as far as bits tell.
struct Reached {
  int first, last;     // `none` and -1 where there is none
  std::uint32_t more;  // not 0: there may be others, or another label
};

/// Here is most of the time, so all goes without branches, which nothing could predict.
template <const Rows& rows>
inline Reached look_back(const LabelledCube& cube, const Fragments& s, const Place& place, std::uint32_t run, int first,
                         std::uint8_t label, int none) {
  const int n = cube.n;
  const Word* word = &s.words[place.word];
  const std::uint32_t reach = rows.margin ? run | run << 1 | run >> 1 : run;
  const std::uint32_t borders = (place.k > 0 ? 1u : 0u) | (place.k + kWord < n ? 1u << (kWord - 1) : 0u);
  Reached reached{none, -1, (run & borders) | (word->labelled << 1 >> first & 1)};
  for (int step = 0; step < rows.count; ++step) {
    const auto [di, dj] = rows.steps[step];
    const Word& other = word[(di * (n + 2) + dj) * words_of_row(n)];
    const std::uint32_t near = other.labelled & reach;
    const int voxel = place.index + (near ? (di * n + dj) * n + std::countr_zero(near) : first);
    const int piece = s.piece[voxel];
    const bool alike = near && cube.species[voxel] == label;
    reached.first = std::min(reached.first, alike ? piece : none);
    reached.last = std::max(reached.last, alike ? piece : -1);
    reached.more |= (near && !alike) | (other.firsts & near & (near - 1));
  }
  return reached;
}

/// List the runs of a word and give each to the first piece it touches, or to a new one. Only few touch two, or another
/// label.
template <const Rows& rows>
void add_runs(const LabelledCube& cube, const Place& place, Fragments& s) {
  Word& word = s.words[place.word];
  const std::uint8_t* labels = labels_of(cube, place.index);
  word.firsts = word.labelled & ~((word.labelled & equal_bits(labels, labels + 1)) << 1);
  const std::uint32_t ends = ~word.labelled | word.firsts;
  for (std::uint32_t firsts = word.firsts; firsts; firsts &= firsts - 1) {
    const int first = std::countr_zero(firsts), index = place.index + first;
    if (cube.density) __builtin_prefetch(cube.density + index);
    const int length = 1 + std::countr_zero(ends >> first >> 1 | 1u << (kWord - 1 - first));
    const std::uint32_t run = ~0u >> (kWord - length) << first;
    const auto [piece, last, more] = look_back<rows>(cube, s, place, run, first, labels[first], s.pieces);
    s.parent[s.pieces] = s.pieces;
    s.pieces += last < 0;
    s.runs.push_back({index, place.i, place.j, place.k + first, length, piece, labels[first]});
    std::fill_n(&s.piece[index], 4, piece);  // what lies past the run's end is not known yet
    if (length > 4) std::fill_n(&s.piece[index], length, piece);
    if (more || (rows.count > 2 && last > piece))
      link_fully(cube, rows, s.runs.back(), s);
    else if (last > piece)
      unite(piece, last, s.parent);
  }
}

/// All runs of a cube and the pieces of fragments that they are part of.
template <const Rows& rows>
void find_pieces(const LabelledCube& cube, Fragments& s) {
  s.piece.resize(static_cast<std::size_t>(cube.n) * cube.n * cube.n + 4);
  s.runs.clear();
  s.touches.clear();
  s.pieces = 0;
  for (const Place& place : s.places) {
    if (s.parent.size() < static_cast<std::size_t>(s.pieces + kWord)) s.parent.resize(2 * s.pieces + kWord);
    add_runs<rows>(cube, place, s);
  }
}

/// Number the fragments in the order of their first voxels.
int number_fragments(Fragments& s) {
  int count = 0;
  s.fragment.resize(s.pieces);
  for (int piece = 0; piece < s.pieces; ++piece) {
    const int parent = s.parent[piece];  // an earlier one
    s.fragment[piece] = parent == piece ? count++ : s.fragment[parent];
  }
  return count;
}

bool is_at_face(const Run& run, int n) {
  const auto ends = [n](int i) { return static_cast<unsigned>(i - 1) >= static_cast<unsigned>(n - 2); };
  return ends(run.i) | ends(run.j) | (run.k == 0) | (run.k + run.length == n);
}

/// Fragments of equal label and what they sum to.
void make_fragments(const LabelledCube& cube, Fragments& s) {
  s.fragments.assign(number_fragments(s), {});
  for (Run& run : s.runs) {
    const std::int64_t length = run.length;
    Fragment& fragment = s.fragments[run.fragment = s.fragment[run.fragment]];
    fragment.label = run.label;
    fragment.voxels += length;
    fragment.sum[0] += length * run.i;
    fragment.sum[1] += length * run.j;
    fragment.sum[2] += length * run.k + length * (length - 1) / 2;
    fragment.at_face |= is_at_face(run, cube.n);
    if (!cube.density) continue;
    for (int v = 0; v < run.length; v += 4) fragment.density += sum_of(along(run, v, cube.density, cube.n));
  }
}

/// Each touch seen from both sides, in order, once.
void sort_touches(Fragments& s) {
  if (s.touches.empty()) return;
  const auto count = s.touches.size();
  for (std::size_t t = 0; t < count; ++t) {
    const Touch touch{s.fragment[s.touches[t].first], s.fragment[s.touches[t].second]};
    s.touches[t] = touch;
    s.touches.push_back({touch.second, touch.first});
  }
  std::sort(s.touches.begin(), s.touches.end());
  s.touches.erase(std::unique(s.touches.begin(), s.touches.end()), s.touches.end());
}

}  // namespace

LabelledCube labelled_cube(const LabelledCubes& cubes, std::int64_t b, const Grid& grid) {
  const int voxels = static_cast<int>(grid.voxels());
  const auto of_cube = [&](const auto* batch) { return batch ? batch + b * voxels : nullptr; };
  LabelledCube cube{
      grid.n, of_cube(cubes.species), of_cube(cubes.density), of_cube(cubes.confidence), std::max(voxels - kWord, 0),
      {}};
  std::copy_n(cube.species + cube.last, voxels - cube.last, cube.rest);
  return cube;
}

void find_fragments(const LabelledCube& cube, int connectivity, Fragments& f) {
  fill_words(cube, f);
  connectivity == 6 ? find_pieces<kFaces>(cube, f) : find_pieces<kAll>(cube, f);
  make_fragments(cube, f);
  sort_touches(f);
}

}  // namespace crystalgrid
