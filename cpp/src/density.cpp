#include "crystalgrid/density.hpp"

#include <cmath>
#include <numbers>
#include <stdexcept>
#include <vector>

#include "density_kernel.hpp"
#include "images.hpp"
#include "isa.hpp"
#include "parallel.hpp"

namespace crystalgrid {
namespace {

/// Share of a three-dimensional Gaussian's integral that lies farther than x standard deviations from its centre.
double tail(double x) {
  return std::erfc(x / std::numbers::sqrt2) + std::sqrt(2 / std::numbers::pi) * x * std::exp(-0.5 * x * x);
}

/// The x beyond which the tail is as small as asked.
double tail_radius(double share) {
  double low = 0, high = 40;
  while (high - low > 1e-3) (tail(0.5 * (low + high)) > share ? low : high) = 0.5 * (low + high);
  return high;
}

/// Images as the kernels want them: one array per coordinate, in units of σ·√(2 ln 2), weights with Eq. (1)'s prefactor.
template <class T>
struct Images {
  std::vector<T> x, y, z, weight;
  std::vector<int> every;
  int count = 0;

  void clear() {
    for (auto* values : {&x, &y, &z, &weight}) values->clear();
  }
  /// Fill the last vector with images that are out of reach of everything.
  void pad() {
    count = static_cast<int>(x.size());
    for (auto* values : {&x, &y, &z, &weight}) values->resize(whole_vectors(count), T(1e9));
    for (int m = static_cast<int>(every.size()); m < whole_vectors(count); ++m) every.push_back(m);
  }
  KernelImages<T> view() const {
    return {count, x.data(), y.data(), z.data(), weight.data(), every.data()};
  }
};

template <class T>
struct Scratch {
  Images<T> images;
  std::vector<T> kernel;
  std::vector<int> lists;
};

template <class T>
class Voxelizer {
 public:
  Voxelizer(const Crystals& crystals, const double* weights, const Cubes& cubes, const Grid& grid,
            const DensityOptions& options)
      : crystals_(crystals), weights_(weights), cubes_(cubes), grid_(grid), options_(options),
        kernel_(density_kernel<T>(options.isa)), first_cutoff_(first_cutoff()) {}

  void fill(std::int64_t b, Scratch<T>& scratch, T* density) const {
    double cutoff = first_cutoff_;
    while (fill_within(b, cutoff, scratch, density) * options_.accuracy < neglected(b, cutoff)) cutoff += 0.5 * grid_.sigma;
  }

 private:
  /// Atoms as given are summed whole. Of a periodic crystal's images, those are left out that would add two thirds of
  /// `accuracy` to the mean density if the crystal were uniform.
  double first_cutoff() const {
    if (options_.cutoff > 0) return options_.cutoff;
    if (!cubes_.periodic) return 1e6 * grid_.sigma;
    return grid_.sigma * tail_radius(options_.accuracy / 1.5);
  }

  /// An estimate, on the safe side, of what is missing in a voxel: the tail of a uniform crystal and a quarter. The cube's
  /// maximum is hardly ever below the mean density; where it is (in a void of a large cell), the cutoff has to grow.
  double neglected(std::int64_t b, double cutoff) const {
    if (options_.cutoff > 0 || !cubes_.periodic || cutoff > 12 * grid_.sigma) return 0;
    double sum = 0;
    for (std::int64_t atom = crystals_.offsets[b]; atom < crystals_.offsets[b + 1]; ++atom) sum += std::fabs(weights_[atom]);
    const CubeFrame frame = cube_frame(crystals_, cubes_, b);
    return 1.25 * tail(cutoff / grid_.sigma) * sum / std::fabs(dot(frame.a, cross(frame.b, frame.c)));
  }

  /// One cube from the images within `cutoff`; returns its maximum.
  double fill_within(std::int64_t b, double cutoff, Scratch<T>& scratch, T* density) const {
    const double scale = std::sqrt(0.5 * std::numbers::log2e) / grid_.sigma;
    const double prefactor = std::pow(2 * std::numbers::pi, -1.5) / (grid_.sigma * grid_.sigma * grid_.sigma);
    Images<T>& images = scratch.images;
    images.clear();
    for_each_image(crystals_, cubes_, b, grid_.length, cutoff, [&](std::int64_t atom, Vec3 p, Vec3) {
      images.x.push_back(static_cast<T>(scale * p.x));
      images.y.push_back(static_cast<T>(scale * p.y));
      images.z.push_back(static_cast<T>(scale * p.z));
      images.weight.push_back(static_cast<T>(prefactor * weights_[atom]));
    });
    images.pad();
    const KernelImages<T> view = images.view();
    scratch.lists.resize(std::max<std::size_t>(scratch.lists.size(), list_size(view.count)));
    scratch.kernel.resize(std::max<std::size_t>(scratch.kernel.size(), scratch_size(view.count, grid_.n)));
    const KernelGrid<T> kernel_grid{grid_.n, static_cast<T>(scale * grid_.spacing()), static_cast<T>(scale * cutoff)};
    return kernel_(view, kernel_grid, scratch.kernel.data(), scratch.lists.data(), density);
  }

  const Crystals& crystals_;
  const double* weights_;
  const Cubes& cubes_;
  const Grid& grid_;
  const DensityOptions& options_;
  DensityKernel<T> kernel_;
  double first_cutoff_;
};

template <class T>
void voxelize_batch(const Crystals& crystals, const double* weights, const Cubes& cubes, const Grid& grid,
                    const DensityOptions& options, T* density) {
  const Voxelizer<T> voxelizer(crystals, weights, cubes, grid, options);
  parallel_for<Scratch<T>>(crystals.size, options.threads, [&](std::int64_t b, Scratch<T>& scratch) {
    voxelizer.fill(b, scratch, density + b * grid.voxels());
  });
}

}  // namespace

void voxelize(const Crystals& crystals, const double* weights, const Cubes& cubes, const Grid& grid,
              const DensityOptions& options, float* density) {
  voxelize_batch(crystals, weights, cubes, grid, options, density);
}

void voxelize(const Crystals& crystals, const double* weights, const Cubes& cubes, const Grid& grid,
              const DensityOptions& options, double* density) {
  voxelize_batch(crystals, weights, cubes, grid, options, density);
}

}  // namespace crystalgrid
