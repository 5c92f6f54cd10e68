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

/// The number of an atom's voxels that have a label.
struct Vote {
  int atom;
  int label, voxels;
};

using Centre = std::array<double, 3>;  // in voxels

struct Atom {
  std::array<double, 3> position;
  std::int64_t number, votes;
};

struct Scratch : Fragments {
  std::vector<int> order;    // fragments that touch others and wait for an atom
  std::vector<int> atom_of;  // fragment → the fragment that its atom began as
  std::vector<Vote> votes;   // of atoms that touch others
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

/// Add a fragment to an atom; kNone makes it a new one.
void give_to(int atom, int f, Scratch& s) {
  s.atom_of[f] = atom == kNone ? f : atom;
  s.votes.push_back({s.atom_of[f], s.fragments[f].label, s.fragments[f].voxels});
  if (atom == kNone) return;
  Fragment &to = s.fragments[atom], &from = s.fragments[f];
  to.voxels += from.voxels;
  to.density += from.density;
  for (int axis = 0; axis < 3; ++axis) {
    to.sum[axis] += from.sum[axis];
    to.low[axis] = std::min(to.low[axis], from.low[axis]);
    to.high[axis] = std::max(to.high[axis], from.high[axis]);
  }
  join_rings(from.first, to.first, s.runs);
}

/// Join fragments to atoms. A fragment that touches no other is an atom. The others, the largest first, join an atom
/// that they touch or become one. Fragments too small to be a ball wait until one that they touch is part of an atom;
/// if none ever is, the first of them becomes an atom.
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

/// Return the weighted mean of the positions of an atom's voxels.
Centre centre_of(const LabelledCube& cube, const Scratch& s, const Fragment& atom) {
  const Values density(cube.density, cube.n), confidence(cube.confidence, cube.n);
  const auto mean = static_cast<float>(atom.density / atom.voxels);
  Two sum{}, i{}, j{}, k{};
  for_each_run(s, atom.first, [&](const Run& run) {
    int v = 0;
    do {
      const int voxel = run.index + v;
      const Four each = within(run, v, voxel_weight(density.four(voxel), confidence.four(voxel), mean));
      const Two weight = to_doubles(each);
      sum += weight;
      i += weight * double(run.row.i);
      j += weight * double(run.row.j);
      k += weight * double(run.first + v) + to_doubles(each * kFour);
    } while ((v += 4) < run.length());
  });
  const double weight = sum[0] + sum[1];
  return {(i[0] + i[1]) / weight, (j[0] + j[1]) / weight, (k[0] + k[1]) / weight};
}

int atom_at(const LabelledCube& cube, const Scratch& s, int voxel) {
  const int n = cube.n, row = voxel / n;
  return s.atom_of[s.fragment_of[run_at(s, row / n, row % n, voxel % n, n)]];
}

/// Return the number of an atom's voxels in a line from a face inwards, of which `length` are known.
int line_length(const LabelledCube& cube, const Scratch& s, int voxel, int step, int length, int most) {
  for (voxel += length * step; length < most && cube.species[voxel]; voxel += step, ++length)
    if ((s.split || cube.species[voxel] != cube.species[voxel - step]) &&
        atom_at(cube, s, voxel) != atom_at(cube, s, voxel - step))
      break;
  return length;
}

/// Correct, along one axis, the centre of a ball that a face cuts: the voxels inside the cube put it too far in.
void complete_ball(const LabelledCube& cube, const Scratch& s, const BallRule& rule, const Fragment& atom, int axis,
                   Centre& centre) {
  const int n = cube.n, face = cutting_face(rule, atom.low[axis], atom.high[axis], n);
  if (face == 0) return;
  const int step = axis == 0 ? n * n : axis == 1 ? n : 1, u = (axis + 1) % 3, v = (axis + 2) % 3;
  const int layer = face < 0 ? 0 : n - 1, most = atom.high[axis] - atom.low[axis] + 1;
  double depth = 0;
  int lines = 0;
  for_each_run(s, atom.first, [&](const Run& run) {
    // Along z a run is the line itself, else each of its voxels begins one.
    const bool along_z = axis == 2, ends = along_z && face > 0;
    int at[3] = {run.row.i, run.row.j, ends ? run.last : run.first};
    if (at[axis] != layer) return;
    const int first = run.index + at[2] - run.first;
    for (int line = 0; line < (along_z ? 1 : run.length()); ++line, ++at[2]) {
      const int length = line_length(cube, s, first + line, -face * step, along_z ? run.length() : 1, most);
      depth += depth_by_line(rule, length, at[u] - centre[u], at[v] - centre[v]);
      ++lines;
    }
  });
  centre[axis] = at_depth(depth / lines, face, n);
}

/// Give each atom the label with most votes, of equals the smaller, and count the voxels that voted for it.
void count_votes(Scratch& s) {
  std::sort(s.votes.begin(), s.votes.end(),
            [](const Vote& u, const Vote& v) { return u.atom != v.atom ? u.atom < v.atom : u.label < v.label; });
  for (const Vote& vote : s.votes) s.fragments[vote.atom].votes = 0;
  for (std::size_t first = 0; first < s.votes.size();) {
    Vote sum = s.votes[first++];
    for (; first < s.votes.size() && s.votes[first].atom == sum.atom && s.votes[first].label == sum.label; ++first)
      sum.voxels += s.votes[first].voxels;
    Fragment& atom = s.fragments[sum.atom];
    if (sum.voxels > atom.votes) atom.votes = sum.voxels, atom.label = sum.label;
  }
}

std::vector<Atom> find_in_cube(const LabelledCube& cube, const Grid& grid, const AtomsOptions& options, Scratch& s) {
  const double h = grid.spacing();
  const BallRule rule = ball_rule(grid, options.radius);
  find_fragments(cube, rule, options.connectivity, s);
  join_fragments(rule, s);
  count_votes(s);
  std::vector<Atom> found;
  found.reserve(s.fragments.size());
  for (const int founder : s.atom_of) {  // in the order of the atoms' first voxels
    Fragment& atom = s.fragments[founder];
    if (atom.label == 0) continue;
    Centre centre = centre_of(cube, s, atom);
    for (int axis = 0; axis < 3; ++axis) complete_ball(cube, s, rule, atom, axis, centre);
    found.push_back({{(centre[0] + 0.5) * h, (centre[1] + 0.5) * h, (centre[2] + 0.5) * h},
                     atom.label,
                     atom.votes ? atom.votes : atom.voxels});
    atom.label = 0;
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
