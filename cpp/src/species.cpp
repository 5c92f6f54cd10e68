#include "crystalgrid/species.hpp"

#include <vector>

#include "images.hpp"
#include "nearest.hpp"
#include "pages.hpp"
#include "parallel.hpp"

namespace crystalgrid {
namespace {

struct Scratch {
  std::vector<double> nearest;  // squared distance from each voxel to the atom that labels it
};

void label_cube(const Crystals& crystals, const std::int64_t* numbers, const Cubes& cubes, const Grid& grid,
                double radius, std::int64_t b, Scratch& scratch, std::uint8_t* species) {
  const double h = grid.spacing(), reach = labelling_reach(radius), limit = reach * reach;
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
          if (!labels_instead(d, z, scratch.nearest[voxel], species[voxel])) continue;
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
  prefer_large_pages(species, crystals.size * grid.voxels());
  parallel_for<Scratch>(crystals.size, options.threads, [&](std::int64_t b, Scratch& scratch) {
    label_cube(crystals, numbers, cubes, grid, options.radius, b, scratch, species + b * grid.voxels());
  });
}

}  // namespace crystalgrid
