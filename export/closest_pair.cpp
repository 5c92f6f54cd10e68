#include "closest_pair.hpp"

#include <algorithm>
#include <cmath>
#include <vector>

#include "crystalgrid/lattice.hpp"
#include "elements.hpp"

namespace crystalgrid {
namespace {

/// Searches pair after pair within a reach that shrinks to what was found.
class Search {
 public:
  Search(const double* lattice, double largest_radius)
      : frame_(cube_frame(lattice, nullptr, nullptr)), largest_sum_(2 * largest_radius) {
    const Normals normal = normals(frame_);
    for (const auto& [axis, vector] : {std::pair{0, normal.a}, {1, normal.b}, {2, normal.c}})
      planes_per_length_[axis] = std::sqrt(dot(vector, vector));
    double shortest = dot(frame_.a, frame_.a);
    for (const Vec3 side : {frame_.b, frame_.c}) shortest = std::min(shortest, dot(side, side));
    // Every atom has an image of itself at the shortest side; farther pairs that are too close would be missed.
    reach_ = std::max(std::sqrt(shortest), largest_radius + kLeastGap);
    best_.distance = best_.share = best_.gap = best_.gap_distance = HUGE_VAL;  // an atom alone has no gap
  }

  /// Look at all images of the second atom, at `offset` [3] in fractional coordinates from the first, within reach.
  void compare(const double* offset, std::int64_t first, std::int64_t second, double radii, bool same_atom) {
    const Interval a = images(offset, 0), b = images(offset, 1), c = images(offset, 2);
    double nearest = HUGE_VAL;
    for (int i = a.low; i <= a.high; ++i)
      for (int j = b.low; j <= b.high; ++j)
        for (int k = c.low; k <= c.high; ++k) {
          if (same_atom && i == 0 && j == 0 && k == 0) continue;
          const Vec3 d = frame_.position(offset[0] + i, offset[1] + j, offset[2] + k);
          nearest = std::min(nearest, dot(d, d));
        }
    take(std::sqrt(nearest), radii);
    if (!same_atom) take_gap(std::sqrt(nearest), first, second, radii);
    reach_ = std::min(reach_, std::max({best_.distance, best_.share * largest_sum_, best_.gap + largest_sum_ / 2}));
  }

  const ClosestPair& best() const { return best_; }

 private:
  /// The images along one axis that may lie within reach. Distances are taken between lattice planes.
  Interval images(const double* offset, int axis) const {
    const double planes = std::min(reach_ * planes_per_length_[axis], kMostPlanes) + kMargin;
    return {static_cast<int>(std::ceil(-planes - offset[axis])), static_cast<int>(std::floor(planes - offset[axis]))};
  }

  void take(double distance, double radii) {
    best_.distance = std::min(best_.distance, distance);
    best_.share = std::min(best_.share, distance / radii);
  }

  void take_gap(double distance, std::int64_t first, std::int64_t second, double radii) {
    const double gap = distance - radii / 2;
    if (!(gap < best_.gap)) return;
    best_.gap = gap;
    best_.gap_distance = distance;
    best_.first = first, best_.second = second;
  }

  static constexpr double kMargin = 1e-9;    // so that rounding loses no image that is just within reach
  static constexpr double kMostPlanes = 20;  // so that a cell that is almost flat takes no minutes

  CubeFrame frame_;
  double largest_sum_, planes_per_length_[3], reach_;
  ClosestPair best_;
};

}  // namespace

ClosestPair closest_pair(const double* lattice, const double* frac_coords, std::span<const std::int64_t> numbers) {
  std::vector<double> radii;
  for (const std::int64_t number : numbers) radii.push_back(element(number).radius.value_or(kDefaultRadius));
  Search search(lattice, *std::max_element(radii.begin(), radii.end()));
  for (std::size_t i = 0; i < numbers.size(); ++i)
    for (std::size_t j = 0; j <= i; ++j) {
      double offset[3];
      for (int axis = 0; axis < 3; ++axis) offset[axis] = frac_coords[3 * i + axis] - frac_coords[3 * j + axis];
      search.compare(offset, numbers[j], numbers[i], radii[i] + radii[j], i == j);
    }
  return search.best();
}

}  // namespace crystalgrid
