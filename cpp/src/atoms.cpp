#include "crystalgrid/atoms.hpp"

#include <algorithm>
#include <array>
#include <numeric>

#include "balls.hpp"
#include "label_bits.hpp"
#include "parallel.hpp"
#include "simd.hpp"

namespace crystalgrid {
namespace {

/// Voxels of one label that touch, and, once others have joined it, an atom.
struct Fragment {
  std::int64_t voxels = 0;
  std::array<std::int64_t, 3> sum{};  // Σ (i, j, k)
  double density = 0;                 // Σ
  std::uint8_t label = 0;

  double centre(int axis) const { return static_cast<double>(sum[axis]) / static_cast<double>(voxels); }
  void add(const Fragment& other) {
    voxels += other.voxels;
    for (int axis = 0; axis < 3; ++axis) sum[axis] += other.sum[axis];
    density += other.density;
  }
};

/// What an atom's voxels weigh.
struct Weights {
  double mean_density = 0;
  double sum = 0;
  std::array<double, 3> moment{};  // Σ weight · (i, j, k)
};

/// Voxels of one label side by side along z. A ball has half as many of them as voxels.
struct Run {
  int index, i, j, k;  // of its first voxel
  int length;
  int fragment;
  std::uint8_t label;
};

/// So many voxels of an atom have this label.
struct Vote {
  int atom;
  std::uint8_t label;
  std::int64_t voxels;
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

struct Scratch {
  std::vector<Word> words;    // by planes of n + 2 rows, of which two are empty, as is the plane before
  std::vector<Place> places;  // in the order of their first voxels
  std::vector<Run> runs;      // in the order of their first voxels
  std::vector<int> piece;     // voxel → piece of a fragment, valid only for labelled voxels
  int pieces = 0;
  std::vector<int> parent;    // union-find over the pieces, and room for more
  std::vector<int> fragment;  // piece → fragment
  std::vector<Fragment> fragments;
  std::vector<Touch> touches;  // pieces, then fragments that touch
  std::vector<int> order;      // fragments that touch others and wait for an atom
  std::vector<int> atom_of;    // fragment → the fragment that its atom began as
  std::vector<Vote> votes;     // of atoms that touch others
  std::vector<Weights> weights;
};

struct Cube {
  int n;
  const std::uint8_t* species;
  const float* density;          // null: all voxels weigh alike
  int last;                      // from here on the labels are read from
  std::uint8_t rest[3 * kWord];  // which goes on with zeros
};

struct Atom {
  std::array<double, 3> position;
  std::int64_t number, votes;
};

Cube cube_of(const std::uint8_t* species, const float* density, int n) {
  const int voxels = n * n * n;
  Cube cube{n, species, density, std::max(voxels - kWord, 0), {}};
  std::copy_n(species + cube.last, voxels - cube.last, cube.rest);
  return cube;
}

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
const std::uint8_t* labels_of(const Cube& cube, int index) {
  return index < cube.last ? cube.species + index : cube.rest + (index - cube.last);
}

/// Find the labelled voxels.
void fill_words(const Cube& cube, Scratch& s) {
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
void link_fully(const Cube& cube, const Rows& rows, const Run& run, Scratch& s) {
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
inline Reached look_back(const Cube& cube, const Scratch& s, const Place& place, std::uint32_t run, int first,
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
void add_runs(const Cube& cube, const Place& place, Scratch& s) {
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
void find_pieces(const Cube& cube, Scratch& s) {
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
int number_fragments(Scratch& s) {
  int count = 0;
  s.fragment.resize(s.pieces);
  for (int piece = 0; piece < s.pieces; ++piece) {
    const int parent = s.parent[piece];  // an earlier one
    s.fragment[piece] = parent == piece ? count++ : s.fragment[parent];
  }
  return count;
}

static_assert(Simd<float>::kLanes == 4);
using Four = Vector<float>;
using FourInts = Simd<std::int32_t>::Vector;
constexpr Four kFour{0, 1, 2, 3};

float sum_of(Four v) { return (v[0] + v[1]) + (v[2] + v[3]); }

/// A bit mask of those of four voxels that are within a length.
FourInts within(int length) { return FourInts{0, 1, 2, 3} < broadcast<std::int32_t>(length); }

/// The densities of four voxels of a run from its v-th on, zero past its end.
Four densities(const Cube& cube, const Run& run, int v) {
  const int voxel = run.index + v, left = cube.n * cube.n * cube.n - voxel;
  const Four four = left >= 4 ? load(cube.density + voxel) : load_first(cube.density + voxel, left);
  return (Four)((FourInts)four & within(run.length - v));
}

/// Fragments of equal label and what they sum to.
void make_fragments(const Cube& cube, Scratch& s) {
  s.fragments.assign(number_fragments(s), {});
  for (Run& run : s.runs) {
    const std::int64_t length = run.length;
    Fragment& fragment = s.fragments[run.fragment = s.fragment[run.fragment]];
    fragment.label = run.label;
    fragment.voxels += length;
    fragment.sum[0] += length * run.i;
    fragment.sum[1] += length * run.j;
    fragment.sum[2] += length * run.k + length * (length - 1) / 2;
    if (!cube.density) continue;
    for (int v = 0; v < run.length; v += 4) fragment.density += sum_of(densities(cube, run, v));
  }
}

/// Each touch seen from both sides, in order, once.
void sort_touches(Scratch& s) {
  const auto count = s.touches.size();
  for (std::size_t t = 0; t < count; ++t) {
    const Touch touch{s.fragment[s.touches[t].first], s.fragment[s.touches[t].second]};
    s.touches[t] = touch;
    s.touches.push_back({touch.second, touch.first});
  }
  std::sort(s.touches.begin(), s.touches.end());
  s.touches.erase(std::unique(s.touches.begin(), s.touches.end()), s.touches.end());
}

double squared_distance(const Fragment& u, const Fragment& v) {
  double sum = 0;
  for (int axis = 0; axis < 3; ++axis) sum += (u.centre(axis) - v.centre(axis)) * (u.centre(axis) - v.centre(axis));
  return sum;
}

constexpr int kNone = -1;

/// The nearest atom that a fragment touches.
struct Contact {
  int atom = kNone;
  double distance = 0;  // squared
};

Contact contact_of(const Scratch& s, int f) {
  Contact contact;
  const auto begin = std::lower_bound(s.touches.begin(), s.touches.end(), Touch{f, -1});
  for (auto touch = begin; touch != s.touches.end() && touch->first == f; ++touch) {
    const int atom = s.atom_of[touch->second];
    if (atom == kNone) continue;
    const double distance = squared_distance(s.fragments[f], s.fragments[atom]);
    if (contact.atom == kNone || distance < contact.distance) contact = {atom, distance};
  }
  return contact;
}

/// Give a fragment to an atom; to a new one for kNone.
void give_to(int atom, int f, Scratch& s) {
  s.atom_of[f] = atom == kNone ? f : atom;
  s.votes.push_back({s.atom_of[f], s.fragments[f].label, s.fragments[f].voxels});
  if (atom != kNone) s.fragments[atom].add(s.fragments[f]);
}

/// A fragment that touches no other is an atom. Of those that do, the largest first, each joins an atom it touches or
/// becomes one; those too small to be a ball wait until what they touch is part of an atom, and where nothing is, the
/// first of them becomes one.
void join_fragments(const BallRule& rule, Scratch& s) {
  s.atom_of.resize(s.fragments.size());
  std::iota(s.atom_of.begin(), s.atom_of.end(), 0);
  s.votes.clear();
  if (s.touches.empty()) return;
  sort_touches(s);
  s.order.clear();
  for (const Touch& touch : s.touches)
    if (s.atom_of[touch.first] != kNone) s.atom_of[touch.first] = kNone, s.order.push_back(touch.first);
  std::stable_sort(s.order.begin(), s.order.end(),
                   [&](int f, int g) { return s.fragments[f].voxels > s.fragments[g].voxels; });
  const auto settle = [&](int f) {
    const Contact contact = contact_of(s, f);
    const bool small = static_cast<double>(s.fragments[f].voxels) < rule.smallest_ball;
    if (small && contact.atom == kNone) return false;
    give_to(small || contact.distance < rule.same_ball_squared ? contact.atom : kNone, f, s);
    return true;
  };
  while (!s.order.empty()) {
    if (std::erase_if(s.order, settle) > 0) continue;
    give_to(kNone, s.order.front(), s);
    s.order.erase(s.order.begin());
  }
}

/// Sum the weights of each atom's voxels. Without a density all weigh alike.
void weigh(const Cube& cube, Scratch& s) {
  s.weights.clear();
  for (const Fragment& atom : s.fragments) {
    const auto voxels = static_cast<double>(atom.voxels);
    if (cube.density)
      s.weights.push_back({atom.density / voxels});
    else
      s.weights.push_back({0, voxels, {voxels * atom.centre(0), voxels * atom.centre(1), voxels * atom.centre(2)}});
  }
  if (!cube.density) return;
  for (const Run& run : s.runs) {
    Weights& weights = s.weights[s.atom_of[run.fragment]];
    double sum = 0, moment = 0;
    for (int v = 0; v < run.length; v += 4) {
      const Four all = voxel_weight(densities(cube, run, v), static_cast<float>(weights.mean_density));
      const Four weight = (Four)((FourInts)all & within(run.length - v));
      sum += sum_of(weight);
      moment += sum_of(weight * (kFour + static_cast<float>(v)));
    }
    weights.sum += sum;
    weights.moment[0] += sum * run.i;
    weights.moment[1] += sum * run.j;
    weights.moment[2] += sum * run.k + moment;
  }
}

/// An atom's label is the one with most votes, of equals the smaller; its voxels are those that voted so.
void count_votes(Scratch& s) {
  std::sort(s.votes.begin(), s.votes.end(),
            [](const Vote& u, const Vote& v) { return u.atom != v.atom ? u.atom < v.atom : u.label < v.label; });
  for (const Vote& vote : s.votes) s.fragments[vote.atom].voxels = 0;
  for (std::size_t first = 0; first < s.votes.size();) {
    Vote sum = s.votes[first];
    while (++first < s.votes.size() && s.votes[first].atom == sum.atom && s.votes[first].label == sum.label)
      sum.voxels += s.votes[first].voxels;
    Fragment& atom = s.fragments[sum.atom];
    if (sum.voxels > atom.voxels) atom.voxels = sum.voxels, atom.label = sum.label;
  }
}

std::vector<Atom> find_in_cube(const std::uint8_t* species, const float* density, const Grid& grid,
                               const AtomsOptions& options, Scratch& s) {
  const double h = grid.spacing();
  const Cube cube = cube_of(species, density, grid.n);
  fill_words(cube, s);
  options.connectivity == 6 ? find_pieces<kFaces>(cube, s) : find_pieces<kAll>(cube, s);
  make_fragments(cube, s);
  join_fragments(ball_rule(grid, options.radius), s);
  weigh(cube, s);
  count_votes(s);
  std::vector<Atom> found;
  found.reserve(s.atom_of.size());
  for (const int of : s.atom_of) {  // an atom stands where its first voxel does
    Fragment& atom = s.fragments[of];
    if (atom.voxels == 0) continue;
    const auto& [mean_density, weight, moment] = s.weights[of];
    const auto at = [&](int axis) { return (moment[axis] / weight + 0.5) * h; };
    found.push_back({{at(0), at(1), at(2)}, atom.label, atom.voxels});
    atom.voxels = 0;
  }
  return found;
}

}  // namespace

Atoms find_atoms(const std::uint8_t* species, const float* density, std::int64_t batch, const Grid& grid,
                 const AtomsOptions& options) {
  std::vector<std::vector<Atom>> cubes(batch);
  parallel_for<Scratch>(batch, options.threads, [&](std::int64_t b, Scratch& scratch) {
    const std::int64_t first = b * grid.voxels();
    cubes[b] = find_in_cube(species + first, density ? density + first : nullptr, grid, options, scratch);
  });
  Atoms atoms;
  atoms.offsets.push_back(0);
  for (const auto& cube : cubes) atoms.offsets.push_back(atoms.offsets.back() + static_cast<std::int64_t>(cube.size()));
  atoms.positions.reserve(3 * atoms.offsets.back());
  atoms.numbers.reserve(atoms.offsets.back());
  atoms.votes.reserve(atoms.offsets.back());
  for (const auto& cube : cubes)
    for (const Atom& atom : cube) {
      atoms.positions.insert(atoms.positions.end(), atom.position.begin(), atom.position.end());
      atoms.numbers.push_back(atom.number);
      atoms.votes.push_back(atom.votes);
    }
  return atoms;
}

}  // namespace crystalgrid
