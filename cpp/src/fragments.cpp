#include "fragments.hpp"

#include <algorithm>
#include <span>

#include "run_values.hpp"

namespace crystalgrid {
namespace {

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

constexpr int kPage = 4096;  // bytes

/// Fetch an element that may lie beyond the array: by its address, because pointers may not leave their array.
template <class T>
inline void prefetch(const T* values, int index) {
  __builtin_prefetch(reinterpret_cast<const void*>(reinterpret_cast<std::uintptr_t>(values) + sizeof(T) * index));
}

/// Look up the pages of values, if there are any, which takes long and can proceed beside other work.
void open_pages(const float* values, int first, int count) {
  constexpr int kValues = kPage / sizeof(float);
  for (int v = first; values && v < first + count; v += kValues) prefetch(values, v);
}

/// Fetch four values, if there are any, which may lie in two cache lines.
inline void fetch_four(const float* values, int first) {
  if (!values) return;
  prefetch(values, first);
  prefetch(values, first + 3);
}

/// Find the labelled voxels. Returns the words that are not empty, in the order of their first voxels.
std::span<const Place> fill_words(const LabelledCube& cube, Fragments& s) {
  const int n = cube.n, width = words_of_row(n);
  s.words.resize(((n + 1) * (n + 2) + 1) * width);
  s.places.resize(n * n * width + 1);
  Word *const words = s.words.data(), *word = words + word_of(0, 0, 0, n);
  Place* next = s.places.data();
  int index = 0;
  Row row{0, 0};
  const auto fill = [&](int length, std::uint32_t inside) {
    const std::uint32_t labelled = labelled_bits(labels_of(cube, index)) & inside;
    word->labelled = labelled;
    *next = {index, static_cast<int>(word++ - words), row};
    next += labelled != 0;
    index += length;
  };
  const int last_length = n - (width - 1) * kWord;
  const auto rows = static_cast<std::int16_t>(n);
  for (; row.i < rows; ++row.i, word += 2 * width) {
    open_pages(cube.density, index, n * n);
    open_pages(cube.confidence, index, n * n);
    for (row.j = 0; row.j < rows; ++row.j) {
      prefetch(cube.species, index + kPage);  // by itself the processor reads ahead only to the end of a page
      for (int k = kWord; k < n; k += kWord) fill(kWord, ~0u);
      fill(last_length, ~0u >> (kWord - last_length));
    }
  }
  return {s.places.data(), next};
}

int find_root(const int* parent, int r) {
  while (parent[r] != r) r = parent[r];
  return r;
}

/// The first run stays the root.
void unite(int p, int q, int* parent) {
  p = find_root(parent, p), q = find_root(parent, q);
  parent[std::max(p, q)] = std::min(p, q);
}

/// Call `visit(label, run)` for the labelled neighbours of a run that come before it, voxel by voxel.
template <class Visit>
void for_each_before(const LabelledCube& cube, const Rows& rows, int r, const Fragments& s, const Visit& visit) {
  const auto [index, next, row, first, last] = s.runs[r];
  const int n = cube.n;
  const auto look = [&](int i, int j, int k) {
    if (const int label = cube.species[(i * n + j) * n + k]) visit(label, run_at(s, i, j, k, n));
  };
  if (first > 0) look(row.i, row.j, first - 1);
  const int begin = std::max(first - rows.margin, 0), end = std::min(last + rows.margin + 1, n);
  for (int step = 0; step < rows.count; ++step) {
    const int i = row.i + rows.steps[step].di, j = row.j + rows.steps[step].dj;
    if (i < 0 || j < 0 || j >= n) continue;
    for (int k = begin; k < end; ++k) look(i, j, k);
  }
}

/// Join a run with its neighbours that come before it.
void link_fully(const LabelledCube& cube, const Rows& rows, int r, Fragments& s) {
  for_each_before(cube, rows, r, s, [&](int label, int other) {
    if (label == s.label[r])
      unite(other, r, s.parent.data());
    else
      s.touches.push_back({other, r});
  });
}

/// List the runs that touch, after some were cut.
void find_touches(const LabelledCube& cube, const Rows& rows, Fragments& s) {
  s.touches.clear();
  for (int r = kNoRun + 1; r < s.run_count; ++r)
    for_each_before(cube, rows, r, s, [&](int label, int other) {
      if (label != s.label[r]) s.touches.push_back({other, r});
    });
}

/// The place of the lowest bit, where there is one.
inline std::uint32_t lowest(std::uint32_t bits) { return __builtin_ctz(bits); }
inline std::uint32_t lowest(std::uint64_t bits) { return __builtin_ctzll(bits); }

/// The parents of runs of its label that a run touches, as far as bits tell. kNoRun has a parent that as a signed
/// number is before all others, and as an unsigned number after them.
struct Reached {
  std::uint32_t first;
  std::int32_t last;
  std::uint32_t more;  // not 0: there may be others, or another label
};

/// Note the runs that the bits `reach` touch in another word. Most of the time is spent here, so there are no branches,
/// which could not be predicted.
inline void look_back(const Word& word, std::uint32_t reach, const int* run_at, int label, const int* labels,
                      const int* parent, Reached& reached) {
  const std::uint32_t near = word.labelled & reach;
  const auto run = static_cast<std::uint32_t>(run_at[lowest(near | std::uint64_t{1} << (kSlots - 1))]);
  const int root = parent[run];
  reached.first = std::min<std::uint32_t>(reached.first, root);
  reached.last = std::max(reached.last, root);
  reached.more |= (labels[run] ^ label) | (word.firsts & near & (near - 1));
}

/// The first and the last voxels of a word's runs, and those of which bits of single words do not tell enough: beside
/// another label, and beside another word of the row.
struct RunsOfWord {
  std::uint32_t firsts, lasts, unsure;
};

RunsOfWord runs_of(std::uint32_t labelled, const std::uint8_t* labels, int from, int n) {
  const std::uint32_t goes_on = labelled & labelled >> 1 & equal_bits(labels, labels + 1);
  const std::uint32_t firsts = labelled & ~(goes_on << 1);
  const std::uint32_t borders = (from > 0 ? 1u : 0u) | (from + kWord < n ? 1u << (kWord - 1) : 0u);
  return {firsts, labelled & ~goes_on, (firsts & labelled << 1) | borders};
}

/// List the runs of a word and join each with those it touches in the rows before.
template <const Rows& rows>
void add_runs(const LabelledCube& cube, const Place& place, Fragments& s) {
  const int n = cube.n;
  const std::uint8_t* const species = cube.species + place.index;
  const float *const density = cube.density, *const confidence = cube.confidence;
  const int width = words_of_row(n), from = place.index - (place.row.i * n + place.row.j) * n;
  Word* const word = &s.words[place.word];
  auto [firsts, lasts, unsure] = runs_of(word->labelled, labels_of(cube, place.index), from, n);
  word->firsts = firsts;
  int *const run_at = &s.run_at[place.word * kSlots], *const parent = s.parent.data(), *const labels = s.label.data();
  int r = s.run_count;
  for (; firsts; firsts &= firsts - 1, lasts &= lasts - 1, ++r) {
    const std::uint32_t first = lowest(firsts), last = lowest(lasts), bits = (2u << last) - (1u << first);
    const std::uint32_t reach = rows.margin ? bits | bits << 1 | bits >> 1 : bits;
    fetch_four(density, place.index + static_cast<int>(first));
    fetch_four(confidence, place.index + static_cast<int>(first));
    const int label = species[first];
    Reached reached{static_cast<std::uint32_t>(r), -1, bits & unsure};
    labels[kNoRun] = label;
#pragma GCC unroll 4
    for (int step = 0; step < rows.count; ++step) {
      const int to = (rows.steps[step].di * (n + 2) + rows.steps[step].dj) * width;
      look_back(word[to], reach, run_at + to * kSlots, label, labels, parent, reached);
    }
    labels[r] = label;
    parent[r] = static_cast<int>(reached.first);
    Run& run = s.runs[r];
    run.index = place.index + static_cast<int>(first);
    run.next = r;
    run.row = place.row;
    run.first = static_cast<std::int16_t>(from + first);
    run.last = static_cast<std::int16_t>(from + last);
    std::fill_n(run_at + first, 4, r);
    if (last - first >= 4) std::fill_n(run_at + first, last - first + 1, r);
    const bool several = reached.last > parent[r];
    if (reached.more || (rows.count > 2 && several))
      parent[r] = r, link_fully(cube, rows, r, s);
    else if (several)
      unite(reached.first, reached.last, parent);
  }
  s.run_count = r;
}

/// All runs of a cube, joined to fragments.
template <const Rows& rows>
void find_runs(const LabelledCube& cube, Fragments& s) {
  const std::span<const Place> places = fill_words(cube, s);
  s.run_at.resize(s.words.size() * kSlots, kNoRun);
  s.touches.clear();
  s.run_count = kNoRun + 1;
  for (const Place& place : places) {
    make_room(s);
    add_runs<rows>(cube, place, s);
  }
}

/// List the fragments and link the runs of each. They are written where they stay: to copy one that was just put
/// together would wait for its parts.
void make_fragments(Fragments& s) {
  s.roots.resize(s.runs.size());
  int* root = s.roots.data();
  for (int r = kNoRun + 1; r < s.run_count; ++r) {
    join_rings(r, s.parent[r], s.runs);
    *root = r;
    root += s.parent[r] == r;
  }
  s.fragments.assign(root - s.roots.data(), {});
  for (Fragment& fragment : s.fragments) {
    fragment.first = s.roots[&fragment - s.fragments.data()];
    fragment.label = s.label[fragment.first];
  }
}

/// Note which runs a fragment has, and sum where its voxels are.
void sum_fragments(Fragments& s) {
  s.fragment_of.resize(s.runs.size());
  for (Fragment& fragment : s.fragments)
    for_each_run(s, fragment.first, [&](const Run& run) {
      const std::int64_t length = run.length();
      s.fragment_of[&run - s.runs.data()] = static_cast<int>(&fragment - s.fragments.data());
      fragment.sum[0] += length * run.row.i;
      fragment.sum[1] += length * run.row.j;
      fragment.sum[2] += length * run.first + length * (length - 1) / 2;
    });
}

/// Each touch seen from both sides, in order, once.
void sort_touches(Fragments& s) {
  const auto count = s.touches.size();
  for (std::size_t t = 0; t < count; ++t) {
    const Touch touch{s.fragment_of[s.touches[t].first], s.fragment_of[s.touches[t].second]};
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

void grow(Fragments& f) {
  f.runs.resize(2 * f.run_count + kWord);
  f.label.resize(f.runs.size());
  f.parent.resize(f.runs.size());
  f.parent[kNoRun] = -1;
}

void measure(const LabelledCube& cube, Fragment& fragment, const Fragments& s) {
  Shorts low = place_of(s.runs[fragment.first]), high = low;
  const Values density(cube.density, cube.n);
  Two sum{};
  int voxels = 0;
  for_each_run(s, fragment.first, [&](const Run& run) {
    const Shorts place = place_of(run);
    low = place < low ? place : low;
    high = place > high ? place : high;
    voxels += run.length();
    for (int v = 0; v < run.length(); v += 4) sum += to_doubles(within(run, v, density.four(run.index + v)));
  });
  fragment.voxels = voxels;
  fragment.density = sum[0] + sum[1];
  fragment.low = {low[0], low[1], low[2]};
  fragment.high = {high[0], high[1], high[3]};
}

void find_fragments(const LabelledCube& cube, const BallRule& rule, int connectivity, Fragments& f) {
  connectivity == 6 ? find_runs<kFaces>(cube, f) : find_runs<kAll>(cube, f);
  make_fragments(f);
  for (Fragment& fragment : f.fragments) measure(cube, fragment, f);
  f.split = split_fragments(cube, rule, f);
  if (f.split) find_touches(cube, connectivity == 6 ? kFaces : kAll, f);
  if (f.touches.empty() && !f.split) return;
  sum_fragments(f);
  sort_touches(f);
}

}  // namespace crystalgrid
