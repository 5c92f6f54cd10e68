// When voxels of unlike labels are one atom, and what they weigh in its centre. For CPU and CUDA alike.
#pragma once

#include "crystalgrid/device.hpp"
#include "crystalgrid/grid.hpp"

namespace crystalgrid {

/// For fragments of balls of some radius, in voxels.
struct BallRule {
  double same_ball_squared;  ///< fragments with centres closer than this are one ball
  double smallest_ball;      ///< a fragment of fewer voxels is no ball of its own
};

inline BallRule ball_rule(const Grid& grid, double radius) {
  const double voxels_per_radius = radius / grid.spacing();
  const double same_ball = 1.4 * voxels_per_radius;
  const double ball = 4.0 / 3.0 * 3.14159265358979324 * voxels_per_radius * voxels_per_radius * voxels_per_radius;
  return {same_ball * same_ball, 0.25 * ball};
}

/// What a voxel weighs in its atom's centre: its density, but at most half the atom's mean. Within a ball the slope of
/// the density is mostly a neighbour's tail, which would pull a light atom towards a heavy one; a voxel of little
/// density is a wrong label. The floor keeps the centre defined where a network decodes no density under a label.
/// `Density` is a T or a vector of them.
template <class T, class Density>
CRYSTALGRID_DEVICE inline Density voxel_weight(Density density, T mean_density) {
  const T most = T(0.5) * mean_density, least = T(1e-12);
  const Density weight = most < density ? most : density;
  return least < weight ? weight : least;
}

}  // namespace crystalgrid
