#include "crystalgrid/species.hpp"

#include <limits>
#include <vector>

#include "images.hpp"
#include "parallel.hpp"

namespace crystalgrid {
namespace {

/// A voxel whose centre lies on the sphere counts as inside, whatever rounding did to it.
constexpr double kOnTheSphere = 1e-9;

/// Indices of the voxels whose centres lie within `reach` of coordinate x.
Interval voxels_near(double x, double reach, double spacing, int n) {
  return {std::max(0, static_cast<int>(std::ceil((x - reach) / spacing - 0.5))),
          std::min(n - 1, static_cast<int>(std::floor((x + reach) / spacing - 0.5)))};
}

struct Scratch {
  std::vector<double> nearest;  // squared distance from each voxel to the atom that labels it
};

void label_cube(const Crystals& crystals, const std::int64_t* numbers, const Cubes& cubes, const Grid& grid,
                double radius, std::int64_t b, Scratch& scratch, std::uint8_t* species) {
  const double h = grid.spacing(), reach = radius * (1 + kOnTheSphere), limit = reach * reach;
  const int n = grid.n;
  std::fill_n(species, grid.voxels(), std::uint8_t{0});
  scratch.nearest.resize(grid.voxels());
  for_each_image(crystals, cubes, b, grid.length, reach, [&](std::int64_t atom, Vec3 p, Vec3) {
    const auto z = static_cast<std::uint8_t>(numbers[atom]);
    const Interval xs = voxels_near(p.x, reach, h, n), ys = voxels_near(p.y, reach, h, n),
                   zs = voxels_near(p.z, reach, h, n);
    for (int i = xs.low; i <= xs.high; ++i) {
      const double dx = (i + 0.5) * h - p.x;
      for (int j = ys.low; j <= ys.high; ++j) {
        const double dy = (j + 0.5) * h - p.y, dxy = dx * dx + dy * dy;
        const long row = (static_cast<long>(i) * n + j) * n;
        for (int k = zs.low; k <= zs.high; ++k) {
          const double dz = (k + 0.5) * h - p.z, d = dxy + dz * dz;
          if (d > limit) continue;
          const long voxel = row + k;
          const bool nearer = species[voxel] == 0 || d < scratch.nearest[voxel] * (1 - kOnTheSphere) ||
                              (d < scratch.nearest[voxel] * (1 + kOnTheSphere) && z < species[voxel]);
          if (!nearer) continue;
          species[voxel] = z;
          scratch.nearest[voxel] = d;
        }
      }
    }
  });
}

}  // namespace

void label_species(const Crystals& crystals, const std::int64_t* numbers, const Cubes& cubes, const Grid& grid,
                   const SpeciesOptions& options, std::uint8_t* species) {
  parallel_for<Scratch>(crystals.size, options.threads, [&](std::int64_t b, Scratch& scratch) {
    label_cube(crystals, numbers, cubes, grid, options.radius, b, scratch, species + b * grid.voxels());
  });
}

}  // namespace crystalgrid
