// Constants of Eq. (1), and the unit in which a Gaussian is a power of two.
#pragma once

#include <cmath>
#include <numbers>

#include "crystalgrid/device.hpp"

namespace crystalgrid {

/// 1/Å: lengths times this are in the kernels' unit, in which exp(-d²/2σ²) is 2^(-u²).
inline double kernel_scale(double sigma) { return std::sqrt(0.5 * std::numbers::log2e) / sigma; }

/// The factor in front of Eq. (1)'s sum, 1/Å³.
CRYSTALGRID_DEVICE inline double gaussian_prefactor(double sigma) {
  return 0.063493635934240969 / (sigma * sigma * sigma);  // (2π)^(-3/2) / σ³
}

/// 1/Å: d 2^(-u²) / dp = slope · u · 2^(-u²), where p is the Gaussian's centre and u points from it.
inline double gaussian_slope(double sigma) { return 2 * std::numbers::ln2 * kernel_scale(sigma); }

}  // namespace crystalgrid
