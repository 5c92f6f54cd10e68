// Fragments that are several balls of one label.
#include <algorithm>

#include "fragments.hpp"

namespace crystalgrid {
namespace {

/// List the runs of a fragment in the order of their first voxels.
void list_ring(int first, Fragments& s) {
  s.ring.clear();
  for_each_run(s, first, [&](const Run& run) { s.ring.push_back(static_cast<int>(&run - s.runs.data())); });
  std::sort(s.ring.begin(), s.ring.end());
}

/// The voxel of the listed runs that is farthest from the nearest end.
Voxel farthest_from(const Ends& ends, const Fragments& s) {
  Voxel farthest{};
  int distance = -1;
  for (const int r : s.ring) {
    const Run& run = s.runs[r];
    for (int k = run.first; k <= run.last; ++k) {
      const Voxel voxel{run.row.i, run.row.j, k};
      if (ends.distance(voxel) > distance) farthest = voxel, distance = ends.distance(voxel);
    }
  }
  return farthest;
}

/// Cut a run in two before a voxel of it. Returns the second.
int cut_run(int r, int k, int n, Fragments& s) {
  make_room(s);
  const int rest = s.run_count++;
  Run &run = s.runs[r], &cut_off = s.runs[rest];
  cut_off = run;
  cut_off.index += k - run.first;
  cut_off.first = static_cast<std::int16_t>(k);
  run.last = static_cast<std::int16_t>(k - 1);
  s.label[rest] = s.label[r];
  std::fill_n(&s.run_at[word_of(run.row.i, run.row.j, k, n) * kSlots + k % kWord], cut_off.length(), rest);
  return rest;
}

void add_run(int r, Fragment& fragment, Fragments& s) {
  s.runs[r].next = r;
  if (fragment.first == kNone) fragment.first = r;
  join_rings(r, fragment.first, s.runs);
}

/// Give the voxels of the listed runs to the nearest end's fragment.
void share_runs(const Ends& ends, int n, Fragment* fragments, Fragments& s) {
  for (int r : s.ring) {
    const auto [index, next, row, first, last] = s.runs[r];
    int end = ends.nearest({row.i, row.j, first});
    for (int k = first + 1; k <= last; ++k) {
      const int other = ends.nearest({row.i, row.j, k});
      if (other == end) continue;
      const int rest = cut_run(r, k, n, s);
      add_run(r, fragments[end], s);
      r = rest;
      end = other;
    }
    add_run(r, fragments[end], s);
  }
}

/// Split a fragment, if it is several balls.
void split(const LabelledCube& cube, const BallRule& rule, int f, Fragments& s) {
  const Run& run = s.runs[s.fragments[f].first];
  list_ring(s.fragments[f].first, s);
  const Ends ends =
      find_ends(rule, {run.row.i, run.row.j, run.first}, [&](const Ends& known) { return farthest_from(known, s); });
  if (ends.count == 1) return;
  Fragment balls[Ends::kMost];
  for (Fragment& ball : balls) ball = {kNone, s.fragments[f].label};
  share_runs(ends, cube.n, balls, s);
  for (int ball = 0; ball < ends.count; ++ball) measure(cube, balls[ball], s);
  s.fragments[f] = balls[0];
  s.fragments.insert(s.fragments.end(), balls + 1, balls + ends.count);
}

/// Have fragments in the order of their first voxels again.
void sort_fragments(Fragments& s) {
  std::sort(s.fragments.begin(), s.fragments.end(),
            [&](const Fragment& u, const Fragment& v) { return s.runs[u.first].index < s.runs[v.first].index; });
}

}  // namespace

bool split_fragments(const LabelledCube& cube, const BallRule& rule, Fragments& f) {
  const int count = static_cast<int>(f.fragments.size());
  for (int i = 0; i < count; ++i)
    if (may_be_balls(rule, f.fragments[i].voxels)) split(cube, rule, i, f);
  if (static_cast<int>(f.fragments.size()) == count) return false;
  sort_fragments(f);
  return true;
}

}  // namespace crystalgrid
