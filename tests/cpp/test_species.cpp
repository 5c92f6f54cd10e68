// Species labels against a slow loop over voxels and images.
#include "cells.hpp"
#include "check.hpp"
#include "crystalgrid/species.hpp"

using namespace crystalgrid;

namespace {

std::vector<std::uint8_t> slow_species(const Cell& cell, const Grid& grid, double radius) {
  std::vector<std::uint8_t> species(grid.voxels());
  std::vector<double> nearest(grid.voxels(), radius * radius);
  for (const Image& image : images_near(cell, grid.length, radius + 1e-6))
    for_each_voxel(grid, [&](int i, int j, int k, std::size_t voxel) {
      const double d = squared_distance_to(image, grid, i, j, k);
      const auto z = static_cast<std::uint8_t>(cell.numbers[image.atom]);
      const bool tie = std::fabs(d - nearest[voxel]) < 1e-9;
      if (tie ? species[voxel] != 0 && species[voxel] < z : d > nearest[voxel]) return;
      species[voxel] = z;
      nearest[voxel] = d;
    });
  return species;
}

}  // namespace

int main() {
  for (const Cell& cell : kCells)
    for (const int n : {1, 3, 17, 30, 33})
      for (const double radius : {0.3, 0.5, 1.3}) {
        const Grid grid{n, 7.3, 1};
        const std::vector<std::int64_t> offsets = cell.offsets();
        std::vector<std::uint8_t> species(grid.voxels(), 255);
        label_species({1, cell.lattice.data(), cell.frac_coords.data(), offsets.data()}, cell.numbers.data(), {}, grid,
                      {.radius = radius, .threads = 1}, species.data());
        if (species != slow_species(cell, grid, radius))
          ++failures, std::fprintf(stderr, "%s, n = %d, radius %g: other labels\n", cell.name.c_str(), n, radius);
      }
  return report();
}
