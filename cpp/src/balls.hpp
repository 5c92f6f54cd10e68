// Rules for the balls of voxels that atoms are, for CPU and CUDA alike: when voxels of one label are several balls,
// when voxels of unlike labels are one atom, how they weigh in its centre, and where the centre of a ball cut by a face
// is.
#pragma once

#include <cmath>

#include "crystalgrid/device.hpp"
#include "crystalgrid/grid.hpp"

namespace crystalgrid {

/// Limits for fragments of balls of one radius, in voxels.
struct BallRule {
  double same_ball_squared;  ///< fragments with centres closer than this are one ball
  double smallest_ball;      ///< a fragment of fewer voxels is no ball of its own
  double largest_ball;       ///< a fragment of more voxels may be several balls
  double most_balls;         ///< a fragment of more voxels is nothing that is known
  double apart_squared;      ///< voxels of one label that are farther apart than this are of different balls
  double radius;
  int whole;  ///< a ball that ends at a face and is less deep than this is cut by it
};

inline BallRule ball_rule(const Grid& grid, double radius) {
  const double voxels_per_radius = radius / grid.spacing();
  const double same_ball = 1.4 * voxels_per_radius;
  const double ball = 4.0 / 3.0 * 3.14159265358979324 * voxels_per_radius * voxels_per_radius * voxels_per_radius;
  return {same_ball * same_ball,
          0.25 * ball,
          1.4 * ball,
          5.6 * ball,
          4 * same_ball * same_ball,
          voxels_per_radius,
          static_cast<int>(2 * voxels_per_radius + 1e-9)};
}

struct Voxel {
  int i, j, k;
};

CRYSTALGRID_DEVICE inline int squared_distance(Voxel u, Voxel v) {
  const int di = u.i - v.i, dj = u.j - v.j, dk = u.k - v.k;
  return di * di + dj * dj + dk * dk;
}

/// Voxels of a fragment, one of each ball that it is made of. The others are of the ball whose end is nearest, of
/// equals the first. All in whole numbers, so that ties are ties everywhere.
struct Ends {
  static constexpr int kMost = 4;
  int count;
  Voxel at[kMost];

  CRYSTALGRID_DEVICE int nearest(Voxel voxel) const {
    int nearest = 0;
    for (int end = 1; end < count; ++end)
      if (squared_distance(voxel, at[end]) < squared_distance(voxel, at[nearest])) nearest = end;
    return nearest;
  }
  CRYSTALGRID_DEVICE int distance(Voxel voxel) const { return squared_distance(voxel, at[nearest(voxel)]); }
};

CRYSTALGRID_DEVICE inline bool may_be_balls(const BallRule& rule, int voxels) {
  return voxels > rule.largest_ball && voxels < rule.most_balls;
}

/// The ends of a fragment: the voxel farthest from its first one, and, as long as another is too far from all ends to
/// be of one ball with any, the farthest such. `farthest(ends)` gives that, of equals the first.
template <class Farthest>
CRYSTALGRID_DEVICE inline Ends find_ends(const BallRule& rule, Voxel first, const Farthest& farthest) {
  Ends ends{1, {first}};
  ends.at[0] = farthest(ends);
  while (ends.count < Ends::kMost) {
    const Voxel next = farthest(ends);
    if (ends.distance(next) <= rule.apart_squared) break;
    ends.at[ends.count++] = next;
  }
  return ends;
}

/// Return which face of the cube cuts an atom whose voxels lie between `low` and `high` along one axis: -1 the lower, 1
/// the upper, 0 none.
CRYSTALGRID_DEVICE inline int cutting_face(const BallRule& rule, int low, int high, int n) {
  if (high - low + 1 >= rule.whole || (low > 0) == (high < n - 1)) return 0;
  return low == 0 ? -1 : 1;
}

/// Return the depth of a ball's centre, in voxels from the face that cuts the ball, by a line of `length` voxels that
/// runs from the face to the ball's far side; `du` and `dv` lead to the line from the centre's own. The mean over a
/// ball's lines is its centre's depth.
CRYSTALGRID_DEVICE inline double depth_by_line(const BallRule& rule, int length, double du, double dv) {
  const double half_chord_squared = rule.radius * rule.radius - du * du - dv * dv;
  return half_chord_squared > 0 ? length - std::sqrt(half_chord_squared) : length;
}

/// The coordinate of a voxel that many voxels deep: voxel 0 has its centre half a voxel inside.
CRYSTALGRID_DEVICE inline double at_depth(double depth, int face, int n) {
  return face < 0 ? depth - 0.5 : n - 0.5 - depth;
}

/// Return the weight of a voxel in its atom's centre, see atoms.hpp. The floor keeps the centre defined where a network
/// decodes no density under a label. `Values` is a T or a vector of them.
template <class T, class Values>
CRYSTALGRID_DEVICE inline Values voxel_weight(Values density, Values confidence, T mean_density) {
  const Values most = T(0.5) * mean_density - Values{}, least = T(1e-12) - Values{};
  const Values weight = confidence * (most < density ? most : density);
  return least < weight ? weight : least;
}

}  // namespace crystalgrid
