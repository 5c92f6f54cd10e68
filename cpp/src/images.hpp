// The periodic images of a crystal's atoms that lie in or near its cube.
#pragma once

#include <cmath>
#include <cstdint>

#include "crystalgrid/crystals.hpp"
#include "crystalgrid/lattice.hpp"

namespace crystalgrid {

/// Call `visit(atom, position, shift)` for each image of each atom of crystal b within `reach` Å of the cube: the index
/// of the atom, its position in the cube's frame and its whole lattice translation. Not periodic: the atoms as they
/// are.
template <class Visit>
void for_each_image(const Crystals& crystals, const Cubes& cubes, std::int64_t b, double length, double reach,
                    const Visit& visit) {
  const CubeFrame frame = cube_frame(crystals, cubes, b);
  const Box cube{{0, 0, 0}, {length, length, length}};
  const Spans span = spans(frame, cube, reach);
  const Steps along_x = steps_along(frame.c.x, 0, length, reach), along_y = steps_along(frame.c.y, 0, length, reach),
              along_z = steps_along(frame.c.z, 0, length, reach);
  const double reach_squared = reach * reach;
  for (std::int64_t atom = crystals.offsets[b]; atom < crystals.offsets[b + 1]; ++atom) {
    const double* f = crystals.frac_coords + 3 * atom;
    const Vec3 home = frame.position(f[0], f[1], f[2]);
    if (!cubes.periodic) {
      if (squared_distance(home, cube) <= reach_squared) visit(atom, home, Vec3{0, 0, 0});
      continue;
    }
    const Interval along_a = span.a.shifts(f[0]), along_b = span.b.shifts(f[1]), along_c = span.c.shifts(f[2]);
    for (int i = along_a.low; i <= along_a.high; ++i) {
      const Vec3 plane = home + static_cast<double>(i) * frame.a;
      for (int j = along_b.low; j <= along_b.high; ++j) {
        const Vec3 line = plane + static_cast<double>(j) * frame.b;
        double low = along_c.low, high = along_c.high;
        along_x.narrow(line.x, low, high);
        along_y.narrow(line.y, low, high);
        along_z.narrow(line.z, low, high);
        if (low > high) continue;
        for (int k = static_cast<int>(std::ceil(low)); k <= high; ++k) {
          const Vec3 p = line + static_cast<double>(k) * frame.c;
          if (squared_distance(p, cube) <= reach_squared)
            visit(atom, p, Vec3{static_cast<double>(i), static_cast<double>(j), static_cast<double>(k)});
        }
      }
    }
  }
}

}  // namespace crystalgrid
