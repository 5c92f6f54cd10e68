// Awkward crystals, and their periodic images by slow and obvious loops.
#pragma once

#include <cmath>
#include <cstdint>
#include <string>
#include <vector>

#include "crystalgrid/crystals.hpp"
#include "crystalgrid/grid.hpp"

namespace crystalgrid {

struct Cell {
  std::string name;
  std::vector<double> lattice;      // [3][3] Å
  std::vector<double> frac_coords;  // [N][3]
  std::vector<std::int64_t> numbers;

  std::int64_t atoms() const { return static_cast<std::int64_t>(numbers.size()); }
  std::vector<double> weights() const { return {numbers.begin(), numbers.end()}; }
  std::vector<std::int64_t> offsets() const { return {0, atoms()}; }
};

inline const std::vector<Cell> kCells{
    {"perovskite",
     {3.9, 0, 0, 0, 3.9, 0, 0, 0, 3.9},
     {0, 0, 0, 0.5, 0.5, 0.5, 0.5, 0.5, 0, 0.5, 0, 0.5, 0, 0.5, 0.5},
     {38, 22, 8, 8, 8}},
    {"oblique", {4, 0.3, 0.1, -3.1, 3.5, 0.2, 2.9, -2.4, 4.1}, {0.1, 0.2, 0.3, 0.7, 0.6, 0.9}, {11, 17}},
    {"left-handed", {0, 4.2, 0, 3.1, 0, 0.4, 0.2, 0.1, 5}, {0.25, 0.5, 0.75, 0, 0, 0}, {14, 6}},
    {"small", {1.6, 0, 0, 0.5, 1.5, 0, 0.3, 0.2, 1.7}, {0.5, 0.5, 0.5}, {1}},
    {"atoms on faces, not wrapped", {5, 0, 0, 0, 5, 0, 0, 0, 5}, {1, 0, -1, 0.5, 2, 0.5, -0.5, 0.5, 1}, {94, 1, 3}},
};

struct Image {
  std::int64_t atom;
  double shift[3];  // in lattice vectors
  double position[3];
};

/// All images of a cell, cut at the crystal's origin, that lie within `reach` of a cube.
inline std::vector<Image> images_near(const Cell& cell, double length, double reach) {
  const double* l = cell.lattice.data();
  double largest_inverse = 0;  // largest |reciprocal vector|: the closest lattice planes
  const double volume = std::fabs(l[0] * (l[4] * l[8] - l[5] * l[7]) - l[1] * (l[3] * l[8] - l[5] * l[6]) +
                                  l[2] * (l[3] * l[7] - l[4] * l[6]));
  for (int i = 0; i < 3; ++i) {
    const double *u = l + 3 * ((i + 1) % 3), *v = l + 3 * ((i + 2) % 3);
    largest_inverse =
        std::max(largest_inverse,
                 std::hypot(u[1] * v[2] - u[2] * v[1], u[2] * v[0] - u[0] * v[2], u[0] * v[1] - u[1] * v[0]) / volume);
  }
  const int far = static_cast<int>((reach + 2 * length) * largest_inverse) + 3;
  std::vector<Image> images;
  for (std::int64_t atom = 0; atom < cell.atoms(); ++atom)
    for (int a = -far; a <= far; ++a)
      for (int b = -far; b <= far; ++b)
        for (int c = -far; c <= far; ++c) {
          const double* f = &cell.frac_coords[3 * atom];
          Image image{atom, {double(a), double(b), double(c)}, {}};
          bool near = true;
          for (int x = 0; x < 3; ++x) {
            image.position[x] = (f[0] + a) * l[x] + (f[1] + b) * l[3 + x] + (f[2] + c) * l[6 + x];
            near = near && image.position[x] > -reach && image.position[x] < length + reach;
          }
          if (near) images.push_back(image);
        }
  return images;
}

/// Squared distance from an image to the centre of voxel (i, j, k).
inline double squared_distance_to(const Image& image, const Grid& grid, int i, int j, int k) {
  const int voxel[3] = {i, j, k};
  double sum = 0;
  for (int x = 0; x < 3; ++x) {
    const double d = (voxel[x] + 0.5) * grid.spacing() - image.position[x];
    sum += d * d;
  }
  return sum;
}

/// Call `visit(i, j, k, voxel)` for every voxel of a cube.
template <class Visit>
void for_each_voxel(const Grid& grid, const Visit& visit) {
  std::size_t voxel = 0;
  for (int i = 0; i < grid.n; ++i)
    for (int j = 0; j < grid.n; ++j)
      for (int k = 0; k < grid.n; ++k) visit(i, j, k, voxel++);
}

}  // namespace crystalgrid
