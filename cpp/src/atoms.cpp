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

struct Vote {
  std::uint8_t label;
  std::int64_t voxels;
};

struct Touch {
  int first, second;
  bool operator==(const Touch&) const = default;
  auto operator<=>(const Touch&) const = default;
};

struct Scratch {
  std::vector<int> labelled;  // voxels with a label, ascending
  std::vector<int> node;      // voxel → its place in `labelled`, valid only for labelled voxels
  std::vector<int> parent;    // union-find over places in `labelled`
  std::vector<int> fragment;  // place in `labelled` → fragment
  std::vector<Fragment> fragments, atoms;
  std::vector<Touch> touches;  // fragments that touch
  std::vector<int> order, atom_of;
  std::vector<std::vector<Vote>> votes;
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

/// Places of all voxels with a label, eight at a time where there is none.
void collect_labelled(const std::uint8_t* species, long voxels, std::vector<int>& labelled) {
  labelled.clear();
  long v = 0;
  for (; v + 8 <= voxels; v += 8) {
    std::uint64_t eight;
    std::memcpy(&eight, species + v, 8);
    if (!eight) continue;
    for (long w = v; w < v + 8; ++w)
      if (species[w]) labelled.push_back(static_cast<int>(w));
  }
  for (; v < voxels; ++v)
    if (species[v]) labelled.push_back(static_cast<int>(v));
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
    const int v = s.labelled[place], i = v / (n * n), j = v / n % n, k = v % n;
    for (const Step step : steps) {
      const int ni = i + step.di, nj = j + step.dj, nk = k + step.dk;
      if (ni < 0 || nj < 0 || nk < 0 || nj >= n || nk >= n) continue;
      const int neighbour = (ni * n + nj) * n + nk;
      if (species[neighbour]) visit(place, s.node[neighbour]);
    }
  }
}

/// Fragments of equal label, in the order of their first voxels, and which of them touch.
void make_fragments(const std::uint8_t* species, int n, const std::vector<Step>& steps, Scratch& s) {
  const int count = static_cast<int>(s.labelled.size());
  for (int place = 0; place < count; ++place) s.node[s.labelled[place]] = place;
  s.parent.resize(count);
  std::iota(s.parent.begin(), s.parent.end(), 0);
  s.touches.clear();
  for_each_pair(species, n, steps, s, [&](int place, int earlier) {
    if (species[s.labelled[place]] != species[s.labelled[earlier]]) {
      s.touches.push_back({earlier, place});
      return;
    }
    const int p = find_root(s.parent, place), q = find_root(s.parent, earlier);
    s.parent[std::max(p, q)] = std::min(p, q);  // the first voxel stays the root
  });
  s.fragment.resize(count);
  s.fragments.clear();
  for (int place = 0; place < count; ++place) {
    const int root = find_root(s.parent, place), v = s.labelled[place];
    if (root == place) {
      s.fragment[place] = static_cast<int>(s.fragments.size());
      s.fragments.emplace_back().label = species[v];
    }
    Fragment& fragment = s.fragments[s.fragment[place] = s.fragment[root]];
    fragment.voxels += 1;
    fragment.sum[0] += v / (n * n);
    fragment.sum[1] += v / n % n;
    fragment.sum[2] += v % n;
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
    s.votes.emplace_back();
  } else {
    s.atoms[atom].add(s.fragments[f]);
  }
  s.atom_of[f] = atom;
  s.votes[atom].push_back({s.fragments[f].label, s.fragments[f].voxels});
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
void find_centres(const float* density, int n, Scratch& s) {
  s.centres.assign(s.atoms.size(), {});
  const auto atom_at = [&](std::size_t place) { return s.atom_of[s.fragment[place]]; };
  if (density)
    for (std::size_t place = 0; place < s.labelled.size(); ++place) {
      const int atom = atom_at(place);
      s.centres[atom].density += density[s.labelled[place]] / static_cast<double>(s.atoms[atom].voxels);
    }
  for (std::size_t place = 0; place < s.labelled.size(); ++place) {
    const int v = s.labelled[place];
    Centre& centre = s.centres[atom_at(place)];
    const double weight = density ? voxel_weight(density[v], centre.density) : 1.0;
    centre.weight += weight;
    centre.moment[0] += weight * (v / (n * n));
    centre.moment[1] += weight * (v / n % n);
    centre.moment[2] += weight * (v % n);
  }
}

/// The label with most votes, of equals the smaller.
Vote majority(std::vector<Vote>& votes) {
  std::sort(votes.begin(), votes.end(), [](Vote u, Vote v) { return u.label < v.label; });
  Vote best{0, 0};
  for (std::size_t first = 0; first < votes.size();) {
    Vote sum{votes[first].label, 0};
    for (; first < votes.size() && votes[first].label == sum.label; ++first) sum.voxels += votes[first].voxels;
    if (sum.voxels > best.voxels) best = sum;
  }
  return best;
}

CubeAtoms find_in_cube(const std::uint8_t* species, const float* density, const Grid& grid, const AtomsOptions& options,
                       const std::vector<Step>& steps, Scratch& s) {
  const double h = grid.spacing();
  s.node.resize(grid.voxels());
  collect_labelled(species, grid.voxels(), s.labelled);
  make_fragments(species, grid.n, steps, s);
  join_fragments(ball_rule(grid, options.radius), s);
  find_centres(density, grid.n, s);
  CubeAtoms found;
  for (std::size_t f = 0; f < s.fragments.size(); ++f) {  // an atom stands where its first voxel does
    const int atom = s.atom_of[f];
    if (s.votes[atom].empty()) continue;
    const Vote vote = majority(s.votes[atom]);
    s.votes[atom].clear();
    const Centre& centre = s.centres[atom];
    for (const double moment : centre.moment) found.positions.push_back((moment / centre.weight + 0.5) * h);
    found.numbers.push_back(vote.label);
    found.votes.push_back(vote.voxels);
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
