// Geometry of a lattice seen from a cube: the frame change, and which periodic images come near. For CPU and CUDA
// alike.
#pragma once

#include <cmath>

#include "crystalgrid/device.hpp"

namespace crystalgrid {

struct Vec3 {
  double x, y, z;
};

CRYSTALGRID_DEVICE inline Vec3 operator+(Vec3 u, Vec3 v) { return {u.x + v.x, u.y + v.y, u.z + v.z}; }
CRYSTALGRID_DEVICE inline Vec3 operator*(double s, Vec3 v) { return {s * v.x, s * v.y, s * v.z}; }
CRYSTALGRID_DEVICE inline double dot(Vec3 u, Vec3 v) { return u.x * v.x + u.y * v.y + u.z * v.z; }
CRYSTALGRID_DEVICE inline Vec3 cross(Vec3 u, Vec3 v) {
  return {u.y * v.z - u.z * v.y, u.z * v.x - u.x * v.z, u.x * v.y - u.y * v.x};
}

/// Lattice vectors and origin of a crystal in the frame of its cube: an atom at fractional f lies at offset + f·(a, b,
/// c).
struct CubeFrame {
  Vec3 a, b, c, offset;

  CRYSTALGRID_DEVICE Vec3 position(double fa, double fb, double fc) const { return offset + fa * a + fb * b + fc * c; }
};

CRYSTALGRID_DEVICE inline Vec3 rotated(const double* rotation, Vec3 v) {
  if (!rotation) return v;
  return {rotation[0] * v.x + rotation[1] * v.y + rotation[2] * v.z,
          rotation[3] * v.x + rotation[4] * v.y + rotation[5] * v.z,
          rotation[6] * v.x + rotation[7] * v.y + rotation[8] * v.z};
}

/// `lattice` [3][3], `origin` [3] or null, `rotation` [3][3] or null, all of one crystal.
CRYSTALGRID_DEVICE inline CubeFrame cube_frame(const double* lattice, const double* origin, const double* rotation) {
  const Vec3 corner = origin ? Vec3{origin[0], origin[1], origin[2]} : Vec3{0, 0, 0};
  return {rotated(rotation, {lattice[0], lattice[1], lattice[2]}),
          rotated(rotation, {lattice[3], lattice[4], lattice[5]}),
          rotated(rotation, {lattice[6], lattice[7], lattice[8]}), rotated(rotation, -1.0 * corner)};
}

struct Interval {
  int low, high;  ///< whole numbers, both ends included; empty where low > high
};

/// The fractional coordinates, along one lattice vector, of all points within `reach` of a cube at [0, length]³.
struct Span {
  double low, high;

  /// Whole-number shifts that bring an atom at fractional coordinate f into the span.
  CRYSTALGRID_DEVICE Interval shifts(double f) const {
    return {static_cast<int>(std::ceil(low - f)), static_cast<int>(std::floor(high - f))};
  }
};

/// A box in a cube's frame, Å.
struct Box {
  Vec3 low, high;
};

/// `normal` is the reciprocal vector of the axis: fractional coordinate = normal · (p - offset). Distances are taken
/// between lattice planes, which is what is right in an oblique cell.
CRYSTALGRID_DEVICE inline Span span_along(Vec3 normal, Vec3 offset, const Box& box, double reach) {
  const Vec3 centre = 0.5 * (box.low + box.high), half = 0.5 * (box.high + -1.0 * box.low);
  const double middle = dot(normal, centre + -1.0 * offset);
  const double width = dot({std::fabs(normal.x), std::fabs(normal.y), std::fabs(normal.z)}, half) +
                       reach * std::sqrt(dot(normal, normal));
  return {middle - width, middle + width};
}

/// Reciprocal vectors of a frame: the rows of the matrix that takes p - offset to fractional coordinates.
struct Normals {
  Vec3 a, b, c;
};

CRYSTALGRID_DEVICE inline Normals normals(const CubeFrame& frame) {
  const Vec3 bc = cross(frame.b, frame.c), ca = cross(frame.c, frame.a), ab = cross(frame.a, frame.b);
  const double inverse_volume = 1 / dot(frame.a, bc);
  return {inverse_volume * bc, inverse_volume * ca, inverse_volume * ab};
}

/// Spans of a frame along a, b and c.
struct Spans {
  Span a, b, c;
};

CRYSTALGRID_DEVICE inline Spans spans(const CubeFrame& frame, const Box& box, double reach) {
  const Normals normal = normals(frame);
  return {span_along(normal.a, frame.offset, box, reach), span_along(normal.b, frame.offset, box, reach),
          span_along(normal.c, frame.offset, box, reach)};
}

/// The whole-number steps k along one Cartesian axis for which x + k·step lies within `reach` of [low, high].
struct Steps {
  double inverse, first, last;

  /// Narrow [k_low, k_high] to them.
  CRYSTALGRID_DEVICE void narrow(double x, double& k_low, double& k_high) const {
    const double from = (first - x) * inverse, to = (last - x) * inverse;
    k_low = k_low < from ? from : k_low;
    k_high = to < k_high ? to : k_high;
  }
};

CRYSTALGRID_DEVICE inline Steps steps_along(double step, double low, double high, double reach) {
  const double inverse = step == 0 ? 1e300 : 1 / step;
  return step < 0 ? Steps{inverse, high + reach, low - reach} : Steps{inverse, low - reach, high + reach};
}

/// Distance from a coordinate to the interval [low, high].
CRYSTALGRID_DEVICE inline double outside(double x, double low, double high) {
  const double d = std::fabs(x - 0.5 * (low + high)) - 0.5 * (high - low);
  return 0.5 * (d + std::fabs(d));  // as compilers make branches of a maximum, which nothing could predict here
}

/// Squared distance from p to the box, Å².
CRYSTALGRID_DEVICE inline double squared_distance(Vec3 p, const Box& box) {
  const double dx = outside(p.x, box.low.x, box.high.x), dy = outside(p.y, box.low.y, box.high.y),
               dz = outside(p.z, box.low.z, box.high.z);
  return dx * dx + dy * dy + dz * dz;
}

}  // namespace crystalgrid
