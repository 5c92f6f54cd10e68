#include "crystalgrid/atoms.hpp"

#include <algorithm>
#include <array>
#include <numeric>

#include "balls.hpp"
#include "fragments.hpp"
#include "parallel.hpp"
#include "run_values.hpp"

namespace crystalgrid {
namespace {

/// What an atom's voxels weigh.
struct Weights {
  double mean_density = 0;
  double sum = 0;
  std::array<double, 3> moment{};  // Σ weight · (i, j, k)

  std::array<double, 3> centre() const { return {moment[0] / sum, moment[1] / sum, moment[2] / sum}; }
};

/// An atom at a face: where its voxels lie, and what lines of them that end there say.
struct Outer {
  int atom;
  std::array<int, 3> low, high;
  std::array<double, 3> centre;
  double depth = 0;
  int lines = 0;
};

/// So many voxels of an atom have this label.
struct Vote {
  int atom;
  std::uint8_t label;
  std::int64_t voxels;
};

struct Scratch : Fragments {
  std::vector<int> order;    // fragments that touch others and wait for an atom
  std::vector<int> atom_of;  // fragment → the fragment that its atom began as
  std::vector<Vote> votes;   // of atoms that touch others
  std::vector<Weights> weights;
  std::vector<int> outer_of;  // atom → its place among those at a face, or kNone
  std::vector<Outer> outer;
  std::vector<Run> outer_runs;
};

struct Atom {
  std::array<double, 3> position;
  std::int64_t number, votes;
};

double squared_distance(const Fragment& u, const Fragment& v) {
  double sum = 0;
  for (int axis = 0; axis < 3; ++axis) sum += (u.centre(axis) - v.centre(axis)) * (u.centre(axis) - v.centre(axis));
  return sum;
}

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

/// Sum the weights of each atom's voxels.
void weigh(const LabelledCube& cube, Scratch& s) {
  s.weights.clear();
  for (const Fragment& atom : s.fragments) {
    const auto voxels = static_cast<double>(atom.voxels);
    if (cube.density || cube.confidence)
      s.weights.push_back({cube.density ? atom.density / voxels : 1});
    else
      s.weights.push_back({0, voxels, {voxels * atom.centre(0), voxels * atom.centre(1), voxels * atom.centre(2)}});
  }
  if (!cube.density && !cube.confidence) return;
  const auto values = [&](const Run& run, int v, const float* of) {
    return of ? along(run, v, of, cube.n) : broadcast<float>(1);
  };
  for (const Run& run : s.runs) {
    Weights& weights = s.weights[s.atom_of[run.fragment]];
    double sum = 0, moment = 0;
    for (int v = 0; v < run.length; v += 4) {
      const Four all = voxel_weight(values(run, v, cube.density), values(run, v, cube.confidence),
                                    static_cast<float>(weights.mean_density));
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

/// List the atoms at a face, their runs and how far these extend.
void find_outer(const LabelledCube& cube, Scratch& s) {
  const int last = cube.n - 1;
  s.outer_of.assign(s.fragments.size(), kNone);
  s.outer.clear();
  for (std::size_t f = 0; f < s.fragments.size(); ++f) {
    if (s.atom_of[f] != static_cast<int>(f) || !s.fragments[f].at_face) continue;
    s.outer_of[f] = static_cast<int>(s.outer.size());
    s.outer.push_back({static_cast<int>(f), {last, last, last}, {0, 0, 0}, s.weights[f].centre()});
  }
  s.outer_runs.clear();
  if (s.outer.empty()) return;
  for (const Run& run : s.runs) {
    const int place = s.outer_of[s.atom_of[run.fragment]];
    if (place == kNone) continue;
    s.outer_runs.push_back(run);
    const int first[3] = {run.i, run.j, run.k}, end[3] = {run.i, run.j, run.k + run.length - 1};
    for (int axis = 0; axis < 3; ++axis) {
      s.outer[place].low[axis] = std::min(s.outer[place].low[axis], first[axis]);
      s.outer[place].high[axis] = std::max(s.outer[place].high[axis], end[axis]);
    }
  }
}

/// Voxels of one atom in a line from a face inwards, of which `length` are known.
int line_length(const LabelledCube& cube, const Scratch& s, int atom, int voxel, int step, int length) {
  for (voxel += length * step; length < cube.n && cube.species[voxel]; voxel += step, ++length)
    if (s.atom_of[s.fragment[s.piece[voxel]]] != atom) break;
  return length;
}

/// Move the centres of balls that a face cuts, which the voxels inside the cube have too far in, along one axis.
void complete_balls(const LabelledCube& cube, const BallRule& rule, int axis, Scratch& s) {
  const int n = cube.n, step = axis == 0 ? n * n : axis == 1 ? n : 1, u = (axis + 1) % 3, v = (axis + 2) % 3;
  const auto face_of = [&](const Outer& outer) { return cutting_face(rule, outer.low[axis], outer.high[axis], n); };
  for (const Run& run : s.outer_runs) {
    Outer& outer = s.outer[s.outer_of[s.atom_of[run.fragment]]];
    const int face = face_of(outer), layer = face < 0 ? 0 : n - 1;
    // Along z a run is the line itself, else each of its voxels begins one.
    const bool along_z = axis == 2, ends = along_z && face > 0;
    int at[3] = {run.i, run.j, ends ? run.k + run.length - 1 : run.k};
    if (face == 0 || at[axis] != layer) continue;
    const int first = run.index + at[2] - run.k;
    for (int line = 0; line < (along_z ? 1 : run.length); ++line, ++at[2]) {
      const int length = line_length(cube, s, outer.atom, first + line, -face * step, along_z ? run.length : 1);
      outer.depth += depth_by_line(rule, length, at[u] - outer.centre[u], at[v] - outer.centre[v]);
      ++outer.lines;
    }
  }
  for (Outer& outer : s.outer) {
    if (outer.lines == 0) continue;
    outer.centre[axis] = at_depth(outer.depth / outer.lines, face_of(outer), n);
    outer.depth = outer.lines = 0;
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

std::vector<Atom> find_in_cube(const LabelledCube& cube, const Grid& grid, const AtomsOptions& options, Scratch& s) {
  const double h = grid.spacing();
  find_fragments(cube, options.connectivity, s);
  const BallRule rule = ball_rule(grid, options.radius);
  join_fragments(rule, s);
  weigh(cube, s);
  find_outer(cube, s);
  if (!s.outer.empty())
    for (int axis = 0; axis < 3; ++axis) complete_balls(cube, rule, axis, s);
  count_votes(s);
  std::vector<Atom> found;
  found.reserve(s.atom_of.size());
  for (const int of : s.atom_of) {  // an atom stands where its first voxel does
    Fragment& atom = s.fragments[of];
    if (atom.voxels == 0) continue;
    const auto [x, y, z] = s.outer_of[of] == kNone ? s.weights[of].centre() : s.outer[s.outer_of[of]].centre;
    found.push_back({{(x + 0.5) * h, (y + 0.5) * h, (z + 0.5) * h}, atom.label, atom.voxels});
    atom.voxels = 0;
  }
  return found;
}

}  // namespace

Atoms find_atoms(const LabelledCubes& cubes, const Grid& grid, const AtomsOptions& options) {
  std::vector<std::vector<Atom>> found(cubes.batch);
  parallel_for<Scratch>(cubes.batch, options.threads, [&](std::int64_t b, Scratch& scratch) {
    found[b] = find_in_cube(labelled_cube(cubes, b, grid), grid, options, scratch);
  });
  Atoms atoms;
  atoms.offsets.push_back(0);
  for (const auto& cube : found) atoms.offsets.push_back(atoms.offsets.back() + static_cast<std::int64_t>(cube.size()));
  atoms.positions.reserve(3 * atoms.offsets.back());
  atoms.numbers.reserve(atoms.offsets.back());
  atoms.votes.reserve(atoms.offsets.back());
  for (const auto& cube : found)
    for (const Atom& atom : cube) {
      atoms.positions.insert(atoms.positions.end(), atom.position.begin(), atom.position.end());
      atoms.numbers.push_back(atom.number);
      atoms.votes.push_back(atom.votes);
    }
  return atoms;
}

}  // namespace crystalgrid
