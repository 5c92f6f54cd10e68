// A block finds the images near a box: in a fixed order, whatever the scheduler does.
#pragma once

#include <cstdint>

#include "crystalgrid/crystals.hpp"
#include "crystalgrid/lattice.hpp"
#include "rank.cuh"

namespace crystalgrid::cuda {

/// The lines along c on which all images near a box lie: one for each atom and pair of shifts along a and b.
struct ImageLines {
  CubeFrame frame;
  Box box;
  double reach;
  bool periodic;
  Spans span;
  Steps along_x, along_y, along_z;
  const double* frac_coords;  // of the crystal's first atom
  std::int64_t per_atom, per_a, count;
};

/// Set `lines`, which the block shares; one thread calls this.
__device__ inline void find_lines(const Crystals& crystals, const Cubes& cubes, std::int64_t b, const Box& box,
                                  double reach, ImageLines& lines) {
  const std::int64_t first = crystals.offsets[b], atoms = crystals.offsets[b + 1] - first;
  const CubeFrame frame = cube_frame(crystals, cubes, b);
  const Spans span = spans(frame, box, reach);
  const auto most_shifts = [](Span along) { return static_cast<std::int64_t>(floor(along.high - along.low)) + 1; };
  lines.frame = frame;
  lines.box = box;
  lines.reach = reach;
  lines.periodic = cubes.periodic;
  lines.span = span;
  lines.along_x = steps_along(frame.c.x, box.low.x, box.high.x, reach);
  lines.along_y = steps_along(frame.c.y, box.low.y, box.high.y, reach);
  lines.along_z = steps_along(frame.c.z, box.low.z, box.high.z, reach);
  lines.frac_coords = crystals.frac_coords + 3 * first;
  lines.per_a = cubes.periodic ? most_shifts(span.b) : 1;
  lines.per_atom = cubes.periodic ? most_shifts(span.a) * lines.per_a : 1;
  // A host that does not wait for a GPU cannot look at values first.
  const bool endless = cubes.periodic && cell_fault(frame.a, frame.b, frame.c, atoms) != CellFault::none;
  lines.count = endless ? 0 : atoms * lines.per_atom;
}

/// A thread's walk over every `stride`-th line, image by image.
struct LineWalk {
  std::int64_t line;        // the next one
  int atom = 0;             // of the crystal, on the current line
  int shift = 1, last = 0;  // along c, on the current line
  Vec3 home{};              // where the current line's shift is 0

  __device__ void open(const ImageLines& lines) {
    atom = static_cast<int>(line / lines.per_atom);
    const double* f = lines.frac_coords + 3LL * atom;
    home = lines.frame.position(f[0], f[1], f[2]);
    shift = last = 0;
    if (!lines.periodic) return;
    const Interval a = lines.span.a.shifts(f[0]), b = lines.span.b.shifts(f[1]), c = lines.span.c.shifts(f[2]);
    const std::int64_t along = line % lines.per_atom, i = a.low + along / lines.per_a, j = b.low + along % lines.per_a;
    home = home + static_cast<double>(i) * lines.frame.a + static_cast<double>(j) * lines.frame.b;
    double low = c.low, high = i > a.high || j > b.high ? low - 1 : c.high;
    lines.along_x.narrow(home.x, low, high);
    lines.along_y.narrow(home.y, low, high);
    lines.along_z.narrow(home.z, low, high);
    shift = low > high ? 1 : static_cast<int>(ceil(low));
    last = low > high ? 0 : static_cast<int>(floor(high));
  }

  /// Go to the next image within reach of the box; false where there is none.
  __device__ bool next(const ImageLines& lines, int stride, Vec3& p) {
    for (;;) {
      for (; shift > last; line += stride) {
        if (line >= lines.count) return false;
        open(lines);
      }
      p = home + static_cast<double>(shift++) * lines.frame.c;
      if (squared_distance(p, lines.box) <= lines.reach * lines.reach) return true;
    }
  }
};

/// Call `write(place, atom, p)` for images at places 0, 1, … until there are none left or the list might overflow.
/// Returns how many; 0 once there are none left. All threads of the block call this; barriers stand before the return.
template <int kThreads, class Write>
__device__ int collect(const ImageLines& lines, LineWalk& walk, int capacity, Found<kThreads>& found,
                       const Write& write) {
  int count = 0;
  for (int round = 0; count + kThreads <= capacity; ++round) {
    Vec3 p{};
    const bool here = walk.next(lines, kThreads, p);
    const Rank rank = rank_in_block<kThreads>(here, found[round & 1]);
    if (here) write(count + rank.before, walk.atom, p);
    count += rank.total;
    if (rank.total == 0) break;
  }
  __syncthreads();
  return count;
}

}  // namespace crystalgrid::cuda
