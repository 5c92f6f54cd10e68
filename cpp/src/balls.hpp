// When voxels of unlike labels are one atom, what they weigh in its centre, and where the centre of a ball is that a
// face of the cube cuts. For CPU and CUDA alike.
#pragma once

#include <cmath>

#include "crystalgrid/device.hpp"
#include "crystalgrid/grid.hpp"

namespace crystalgrid {

/// For fragments of balls of some radius, in voxels.
struct BallRule {
  double same_ball_squared;  ///< fragments with centres closer than this are one ball
  double smallest_ball;      ///< a fragment of fewer voxels is no ball of its own
  double radius;
  int whole;  ///< a ball that ends at a face and is less deep than this is cut by it
};

inline BallRule ball_rule(const Grid& grid, double radius) {
  const double voxels_per_radius = radius / grid.spacing();
  const double same_ball = 1.4 * voxels_per_radius;
  const double ball = 4.0 / 3.0 * 3.14159265358979324 * voxels_per_radius * voxels_per_radius * voxels_per_radius;
  return {same_ball * same_ball, 0.25 * ball, voxels_per_radius, static_cast<int>(2 * voxels_per_radius + 1e-9)};
}

/// Which face of the cube cuts an atom whose voxels lie between `low` and `high` along one axis: -1 the lower, 1 the
/// upper, 0 none.
CRYSTALGRID_DEVICE inline int cutting_face(const BallRule& rule, int low, int high, int n) {
  if (high - low + 1 >= rule.whole || (low > 0) == (high < n - 1)) return 0;
  return low == 0 ? -1 : 1;
}

/// How deep inside the cube, in voxels from the face that cuts it, a ball has its centre, by a line of `length` voxels
/// that runs from the face to the ball's far side; `du` and `dv` lead to the line from the centre's own. The mean over
/// a ball's lines is its centre's depth.
CRYSTALGRID_DEVICE inline double depth_by_line(const BallRule& rule, int length, double du, double dv) {
  const double half_chord_squared = rule.radius * rule.radius - du * du - dv * dv;
  return half_chord_squared > 0 ? length - std::sqrt(half_chord_squared) : length;
}

/// The coordinate of a voxel that many voxels deep: voxel 0 has its centre half a voxel inside.
CRYSTALGRID_DEVICE inline double at_depth(double depth, int face, int n) {
  return face < 0 ? depth - 0.5 : n - 0.5 - depth;
}

/// What a voxel weighs in its atom's centre, see atoms.hpp. The floor keeps the centre defined where a network decodes
/// no density under a label. `Values` is a T or a vector of them.
template <class T, class Values>
CRYSTALGRID_DEVICE inline Values voxel_weight(Values density, Values confidence, T mean_density) {
  const Values most = T(0.5) * mean_density - Values{}, least = T(1e-12) - Values{};
  const Values weight = confidence * (most < density ? most : density);
  return least < weight ? weight : least;
}

}  // namespace crystalgrid
