// The images near a cube, gathered for the kernels.
#pragma once

#include <algorithm>
#include <vector>

#include "crystalgrid/gaussian.hpp"
#include "density_kernel.hpp"
#include "images.hpp"

namespace crystalgrid {

template <class T>
KernelGrid<T> kernel_grid(const Grid& grid, double cutoff) {
  const double scale = kernel_scale(grid.sigma);
  return {grid.n, static_cast<T>(scale * grid.spacing()), static_cast<T>(scale * cutoff)};
}

/// The memory that a thread keeps from cube to cube.
template <class T>
struct KernelScratch {
  std::vector<T> x, y, z, weight;
  std::vector<int> every;
  std::vector<T> tables;
  std::vector<int> lists;
  int count = 0;

  void clear() { count = 0; }
  void add(Vec3 p, double image_weight, double scale) {
    if (count == static_cast<int>(x.size()))
      for (auto* values : {&x, &y, &z, &weight}) values->resize(whole_vectors(2 * count));
    x[count] = static_cast<T>(scale * p.x);
    y[count] = static_cast<T>(scale * p.y);
    z[count] = static_cast<T>(scale * p.z);
    weight[count++] = static_cast<T>(image_weight);
  }
  /// Fill the last vector with images that are out of reach of everything, and make room for the kernel.
  KernelImages<T> finish(int n) {
    for (auto* values : {&x, &y, &z, &weight}) {
      values->resize(std::max<std::size_t>(values->size(), whole_vectors(count)));
      std::fill(values->begin() + count, values->begin() + whole_vectors(count), T(1e9));
    }
    for (int m = static_cast<int>(every.size()); m < whole_vectors(count); ++m) every.push_back(m);
    lists.resize(std::max<std::size_t>(lists.size(), list_size(count)));
    tables.resize(std::max<std::size_t>(tables.size(), scratch_size(count, n)));
    return {count, x.data(), y.data(), z.data(), weight.data(), every.data()};
  }
};

}  // namespace crystalgrid
