// The input of every stage: a ragged batch of crystals, and the cube that is cut from each. Borrowed, never owned.
#pragma once

#include <cmath>
#include <cstdint>
#include <string>

#include "crystalgrid/lattice.hpp"

namespace crystalgrid {

constexpr std::int64_t kMaxZ = 94;    ///< the heaviest species
constexpr double kLeastVolume = 0.1;  ///< Å³ per atom; of denser crystals the images in a cube have no end
constexpr double kFarthest = 1e6;     ///< Å, or cells; so near, images can be counted in whole numbers

/// B crystals as flat arrays; the atoms of crystal b are offsets[b] to offsets[b+1].
struct Crystals {
  std::int64_t size = 0;                  ///< B
  const double* lattice = nullptr;        ///< [B][3][3] rows a, b, c in Å; any orientation and handedness
  const double* frac_coords = nullptr;    ///< [N][3], not wrapped
  const std::int64_t* offsets = nullptr;  ///< [B+1]
};

/// One cube per crystal. A point x of the crystal lies in its cube at p = R (x - origin), in Å from the cube's corner.
struct Cubes {
  const double* origin = nullptr;    ///< [B][3] Å; null: zeros
  const double* rotation = nullptr;  ///< [B][3][3] R; null: identity
  bool periodic = true;              ///< true: all periodic images (repeated mode); false: the atoms as given (single)
};

/// Return the frame of cube b.
CRYSTALGRID_DEVICE inline CubeFrame cube_frame(const Crystals& crystals, const Cubes& cubes, std::int64_t b) {
  return cube_frame(crystals.lattice + 9 * b, cubes.origin ? cubes.origin + 3 * b : nullptr,
                    cubes.rotation ? cubes.rotation + 9 * b : nullptr);
}

/// The reason why a cell cannot be summed over.
enum class CellFault { none, singular, dense };

/// Return the fault of a cell with vectors a, b, c and this number of atoms. A cell of numbers that are not finite is
/// singular.
CRYSTALGRID_DEVICE inline CellFault cell_fault(Vec3 a, Vec3 b, Vec3 c, std::int64_t atoms) {
  const double volume = std::fabs(dot(cross(a, b), c)), box = std::sqrt(dot(a, a) * dot(b, b) * dot(c, c));
  if (!(volume > 0 && volume >= 1e-6 * box)) return CellFault::singular;
  return volume < kLeastVolume * static_cast<double>(atoms) ? CellFault::dense : CellFault::none;
}

/// The first of a batch's values that is out of bounds, in words; empty where all are well. `numbers` is [atoms].
std::string fault(const Crystals& crystals, const std::int64_t* numbers, std::int64_t atoms, const Cubes& cubes);

}  // namespace crystalgrid
