#include "crystalgrid/atoms.hpp"

#include <algorithm>
#include <array>
#include <cstring>
#include <numeric>

#include "balls.hpp"
#include "parallel.hpp"

namespace crystalgrid {
namespace {

/// Voxels of one label that touch, and, once others have joined it, an atom.
struct Fragment {
  std::int64_t voxels = 0;
  std::array<std::int64_t, 3> sum{};  // Σ (i, j, k)
  std::uint8_t label = 0;

  double centre(int axis) const { return static_cast<double>(sum[axis]) / static_cast<double>(voxels); }
  void add(const Fragment& other) {
    voxels += other.voxels;
    for (int axis = 0; axis < 3; ++axis) sum[axis] += other.sum[axis];
  }
};

/// An atom's mean density and density-weighted centre.
struct Centre {
  double density = 0;
  double weight = 0;
  std::array<double, 3> moment{};  // Σ weight · (i, j, k)
};

/// A labelled voxel.
struct Voxel {
  int index, i, j, k;
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

struct Scratch {
  std::vector<Voxel> labelled;  // in the order of their indices
  std::vector<int> node;        // voxel → its place in `labelled`, valid only for labelled voxels
  std::vector<int> parent;      // union-find over places in `labelled`
  std::vector<int> fragment;    // place in `labelled` → fragment
  std::vector<Fragment> fragments, atoms;
  std::vector<Touch> touches;  // fragments that touch
  std::vector<int> order, atom_of;
  std::vector<Vote> votes;
  std::vector<Centre> centres;
};

struct CubeAtoms {
  std::vector<double> positions;
  std::vector<std::int64_t> numbers, votes;
};

int find_root(std::vector<int>& parent, int i) {
  while (parent[i] != i) i = parent[i] = parent[parent[i]];
  return i;
}

/// All voxels with a label, eight at a time where there is none.
void collect_labelled(const std::uint8_t* species, int n, Scratch& s) {
  s.labelled.clear();
  for (int i = 0, index = 0; i < n; ++i)
    for (int j = 0; j < n; ++j)
      for (int k = 0; k < n; ++k, ++index) {
        std::uint64_t eight;
        while (k + 8 <= n && (std::memcpy(&eight, species + index, 8), eight == 0)) k += 8, index += 8;
        if (k == n) break;
        if (!species[index]) continue;
        s.node[index] = static_cast<int>(s.labelled.size());
        s.labelled.push_back({index, i, j, k, species[index]});
      }
}

struct Step {
  int di, dj, dk;
};

/// The half of a voxel's neighbours that comes before it, so that each pair is seen once.
std::vector<Step> earlier_neighbours(int connectivity) {
  if (connectivity == 6) return {{-1, 0, 0}, {0, -1, 0}, {0, 0, -1}};
  std::vector<Step> steps;
  for (int s = 0; s < 13; ++s) steps.push_back({s / 9 - 1, s / 3 % 3 - 1, s % 3 - 1});
  return steps;
}

/// Call `visit(place, earlier place)` for each pair of labelled neighbours.
template <class Visit>
void for_each_pair(const std::uint8_t* species, int n, const std::vector<Step>& steps, const Scratch& s,
                   const Visit& visit) {
  for (int place = 0; place < static_cast<int>(s.labelled.size()); ++place) {
    const Voxel& v = s.labelled[place];
    for (const Step step : steps) {
      if (v.i + step.di < 0 || v.j + step.dj < 0 || v.k + step.dk < 0 || v.j + step.dj >= n || v.k + step.dk >= n)
        continue;
      const int neighbour = v.index + (step.di * n + step.dj) * n + step.dk;
      if (species[neighbour]) visit(place, s.node[neighbour]);
    }
  }
}

/// Fragments of equal label, in the order of their first voxels, and which of them touch.
void make_fragments(const std::uint8_t* species, int n, const std::vector<Step>& steps, Scratch& s) {
  const int count = static_cast<int>(s.labelled.size());
  s.parent.resize(count);
  std::iota(s.parent.begin(), s.parent.end(), 0);
  s.touches.clear();
  for_each_pair(species, n, steps, s, [&](int place, int earlier) {
    if (s.labelled[place].label != s.labelled[earlier].label) {
      s.touches.push_back({earlier, place});
      return;
    }
    const int p = find_root(s.parent, place), q = find_root(s.parent, earlier);
    s.parent[std::max(p, q)] = std::min(p, q);  // the first voxel stays the root
  });
  s.fragment.resize(count);
  s.fragments.clear();
  for (int place = 0; place < count; ++place) {
    const int root = find_root(s.parent, place);
    const Voxel& v = s.labelled[place];
    if (root == place) {
      s.fragment[place] = static_cast<int>(s.fragments.size());
      s.fragments.emplace_back().label = v.label;
    }
    Fragment& fragment = s.fragments[s.fragment[place] = s.fragment[root]];
    fragment.voxels += 1;
    fragment.sum[0] += v.i;
    fragment.sum[1] += v.j;
    fragment.sum[2] += v.k;
  }
  for (Touch& touch : s.touches) touch = {s.fragment[touch.first], s.fragment[touch.second]};
  const auto reversed = s.touches.size();
  for (std::size_t t = 0; t < reversed; ++t) s.touches.push_back({s.touches[t].second, s.touches[t].first});
  std::sort(s.touches.begin(), s.touches.end());
  s.touches.erase(std::unique(s.touches.begin(), s.touches.end()), s.touches.end());
}

double squared_distance(const Fragment& u, const Fragment& v) {
  double sum = 0;
  for (int axis = 0; axis < 3; ++axis) sum += (u.centre(axis) - v.centre(axis)) * (u.centre(axis) - v.centre(axis));
  return sum;
}

constexpr int kNone = -1;

struct Contact {
  bool touches = false;  // any other fragment
  int atom = kNone;      // the nearest atom it touches
  double distance = 0;   // squared, to that atom
};

Contact contact_of(const Scratch& s, int f) {
  Contact contact;
  const auto begin = std::lower_bound(s.touches.begin(), s.touches.end(), Touch{f, -1});
  for (auto touch = begin; touch != s.touches.end() && touch->first == f; ++touch) {
    contact.touches = true;
    const int atom = s.atom_of[touch->second];
    if (atom == kNone) continue;
    const double distance = squared_distance(s.fragments[f], s.atoms[atom]);
    if (contact.atom == kNone || distance < contact.distance) contact.atom = atom, contact.distance = distance;
  }
  return contact;
}

/// Give a fragment to an atom; to a new one for kNone.
void give_to(int atom, int f, Scratch& s) {
  if (atom == kNone) {
    atom = static_cast<int>(s.atoms.size());
    s.atoms.push_back(s.fragments[f]);
  } else {
    s.atoms[atom].add(s.fragments[f]);
  }
  s.atom_of[f] = atom;
  s.votes.push_back({atom, s.fragments[f].label, s.fragments[f].voxels});
}

/// Largest fragments first, each joins an atom it touches or becomes one; those too small to be a ball wait until what
/// they touch is part of an atom, and where nothing is, the first of them becomes one.
void join_fragments(const BallRule& rule, Scratch& s) {
  s.order.resize(s.fragments.size());
  std::iota(s.order.begin(), s.order.end(), 0);
  if (!s.touches.empty())
    std::stable_sort(s.order.begin(), s.order.end(),
                     [&](int f, int g) { return s.fragments[f].voxels > s.fragments[g].voxels; });
  s.atom_of.assign(s.fragments.size(), kNone);
  s.atoms.clear();
  s.votes.clear();
  const auto settle = [&](int f) {
    const Contact contact = contact_of(s, f);
    const bool small = static_cast<double>(s.fragments[f].voxels) < rule.smallest_ball;
    if (small && contact.touches && contact.atom == kNone) return false;
    give_to(small || contact.distance < rule.same_ball_squared ? contact.atom : kNone, f, s);
    return true;
  };
  while (!s.order.empty()) {
    if (std::erase_if(s.order, settle) > 0) continue;
    give_to(kNone, s.order.front(), s);
    s.order.erase(s.order.begin());
  }
}

/// Centres of the atoms in voxels. Without a density all voxels weigh alike.
void find_centres(const float* density, Scratch& s) {
  s.centres.assign(s.atoms.size(), {});
  const auto atom_at = [&](std::size_t place) { return s.atom_of[s.fragment[place]]; };
  if (density)
    for (std::size_t place = 0; place < s.labelled.size(); ++place) {
      const int atom = atom_at(place);
      s.centres[atom].density += density[s.labelled[place].index] / static_cast<double>(s.atoms[atom].voxels);
    }
  for (std::size_t place = 0; place < s.labelled.size(); ++place) {
    const Voxel& v = s.labelled[place];
    Centre& centre = s.centres[atom_at(place)];
    const double weight = density ? voxel_weight(density[v.index], centre.density) : 1.0;
    centre.weight += weight;
    centre.moment[0] += weight * v.i;
    centre.moment[1] += weight * v.j;
    centre.moment[2] += weight * v.k;
  }
}

/// Each atom's label is the one with most votes, of equals the smaller; its voxels are those that voted so.
void count_votes(Scratch& s) {
  std::sort(s.votes.begin(), s.votes.end(),
            [](const Vote& u, const Vote& v) { return u.atom != v.atom ? u.atom < v.atom : u.label < v.label; });
  for (Fragment& atom : s.atoms) atom.voxels = 0;
  for (std::size_t first = 0; first < s.votes.size();) {
    Vote sum = s.votes[first];
    while (++first < s.votes.size() && s.votes[first].atom == sum.atom && s.votes[first].label == sum.label)
      sum.voxels += s.votes[first].voxels;
    Fragment& atom = s.atoms[sum.atom];
    if (sum.voxels > atom.voxels) atom.voxels = sum.voxels, atom.label = sum.label;
  }
}

CubeAtoms find_in_cube(const std::uint8_t* species, const float* density, const Grid& grid, const AtomsOptions& options,
                       const std::vector<Step>& steps, Scratch& s) {
  const double h = grid.spacing();
  s.node.resize(grid.voxels());
  collect_labelled(species, grid.n, s);
  make_fragments(species, grid.n, steps, s);
  join_fragments(ball_rule(grid, options.radius), s);
  find_centres(density, s);
  count_votes(s);
  CubeAtoms found;
  for (const int of : s.atom_of) {  // an atom stands where its first voxel does
    Fragment& atom = s.atoms[of];
    if (atom.voxels == 0) continue;
    const Centre& centre = s.centres[of];
    for (const double moment : centre.moment) found.positions.push_back((moment / centre.weight + 0.5) * h);
    found.numbers.push_back(atom.label);
    found.votes.push_back(atom.voxels);
    atom.voxels = 0;
  }
  return found;
}

}  // namespace

Atoms find_atoms(const std::uint8_t* species, const float* density, std::int64_t batch, const Grid& grid,
                 const AtomsOptions& options) {
  const std::vector<Step> steps = earlier_neighbours(options.connectivity);
  std::vector<CubeAtoms> cubes(batch);
  parallel_for<Scratch>(batch, options.threads, [&](std::int64_t b, Scratch& scratch) {
    const std::int64_t first = b * grid.voxels();
    cubes[b] = find_in_cube(species + first, density ? density + first : nullptr, grid, options, steps, scratch);
  });
  Atoms atoms;
  atoms.offsets.push_back(0);
  for (const CubeAtoms& cube : cubes) {
    atoms.positions.insert(atoms.positions.end(), cube.positions.begin(), cube.positions.end());
    atoms.numbers.insert(atoms.numbers.end(), cube.numbers.begin(), cube.numbers.end());
    atoms.votes.insert(atoms.votes.end(), cube.votes.begin(), cube.votes.end());
    atoms.offsets.push_back(static_cast<std::int64_t>(atoms.numbers.size()));
  }
  return atoms;
}

}  // namespace crystalgrid
