// The cutoff of the sum over periodic images, for CPU and CUDA alike.
#pragma once

#include <cmath>
#include <cstdint>

#include "crystalgrid/gaussian.hpp"
#include "crystalgrid/lattice.hpp"

namespace crystalgrid {

/// Return the share of a three-dimensional Gaussian's integral that lies farther than x standard deviations from its
/// centre.
CRYSTALGRID_DEVICE inline double tail(double x) {
  return std::erfc(x * 0.70710678118654752) + 0.79788456080286536 * x * std::exp(-0.5 * x * x);
}

/// Return the x beyond which the tail is `share`.
inline double tail_radius(double share) {
  double low = 0, high = 40;
  while (high - low > 1e-3) (tail(0.5 * (low + high)) > share ? low : high) = 0.5 * (low + high);
  return high;
}

/// The content of a crystal, from which neglected images are estimated.
struct Content {
  double mean;  ///< 1/Å³, Σ|weight| / volume
  double peak;  ///< 1/Å³, the density at its heaviest atom standing alone
};

/// Return the content of the atoms `begin` to `end`.
CRYSTALGRID_DEVICE inline Content content(const double* weights, std::int64_t begin, std::int64_t end,
                                          const CubeFrame& frame, double sigma) {
  double sum = 0, most = 0;
  for (std::int64_t atom = begin; atom < end; ++atom) {
    const double weight = std::fabs(weights[atom]);
    sum += weight;
    most = weight > most ? weight : most;
  }
  return {sum / std::fabs(dot(frame.a, cross(frame.b, frame.c))), gaussian_prefactor(sigma) * most};
}

/// The rule that ends a cube's sum: the images left out are within `accuracy` of the cube's maximum.
struct CutoffRule {
  double first;     ///< Å; where every cube starts
  double step;      ///< Å; by how much a cutoff that was too short grows
  double accuracy;  ///< relative to the cube's maximum; 0: the first cutoff is the last
  double sigma;     ///< Å

  /// Return whether the sum may end. The neglected part is estimated on the safe side: among many atoms the tail of a
  /// uniform crystal and a quarter, among few as four of the heaviest just beyond the cutoff. A cube's maximum is
  /// hardly ever too small for the first cutoff; where it is (in a void of a large cell), the cutoff grows. At 12 σ
  /// nothing is left to neglect.
  CRYSTALGRID_DEVICE bool far_enough(double cutoff, double maximum, const Content& content) const {
    const double x = cutoff / sigma, many = 1.25 * tail(x) * content.mean,
                 few = 4 * std::exp(-0.5 * x * x) * content.peak;
    return accuracy == 0 || x > 12 || (many > few ? many : few) <= accuracy * maximum;
  }
};

/// The rule for a `cutoff` that is asked for (0: chosen from the accuracy). Atoms as given are summed whole. Of a
/// periodic crystal's images those are left out at first that would add two thirds of `accuracy` if the crystal were
/// uniform.
inline CutoffRule cutoff_rule(double cutoff, double accuracy, double sigma, bool periodic) {
  if (cutoff > 0) return {cutoff, 0, 0, sigma};
  if (!periodic) return {1e6 * sigma, 0, 0, sigma};
  return {sigma * tail_radius(accuracy / 1.5), 0.5 * sigma, accuracy, sigma};
}

}  // namespace crystalgrid
