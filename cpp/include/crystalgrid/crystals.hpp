// What every stage reads: a ragged batch of crystals, and where the cube is cut from each. Borrowed, never owned.
#pragma once

#include <cstdint>

#include "crystalgrid/lattice.hpp"

namespace crystalgrid {

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

/// How cube b lies in its crystal.
CRYSTALGRID_DEVICE inline CubeFrame cube_frame(const Crystals& crystals, const Cubes& cubes, std::int64_t b) {
  return cube_frame(crystals.lattice + 9 * b, cubes.origin ? cubes.origin + 3 * b : nullptr,
                    cubes.rotation ? cubes.rotation + 9 * b : nullptr);
}

}  // namespace crystalgrid
