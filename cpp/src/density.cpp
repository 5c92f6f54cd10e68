#include "crystalgrid/density.hpp"

#include <algorithm>
#include <cmath>
#include <limits>
#include <type_traits>
#include <vector>

#include "crystalgrid/cutoff.hpp"
#include "fourier.hpp"
#include "isa.hpp"
#include "kernel_images.hpp"
#include "pages.hpp"
#include "parallel.hpp"

namespace crystalgrid {
namespace {

template <class T>
struct Scratch {
  KernelScratch<T> images;
  FourierSeries series;
  std::vector<float> transposed;  // a cube whose axes are in another order than those of the series
  KernelScratch<double> many;     // for sums of so many images that their rounding would show
  std::vector<double> wide;
};

/// A voxel's sum over more images than this is made in double precision: rounding comes near the accuracy otherwise.
constexpr double kMostInSingle = 1500;

/// A batch to voxelise, and how far its sums go.
struct Job : DensityBatch {
  const DensityOptions& options;
  Reach reach;
  CutoffRule rule;
};

/// Fill cube b from its Fourier series. Returns false if that is not possible, not the faster way, or not accurate
/// enough: in a void of the crystal, modes cancel down to their rounding.
bool fill_with_fourier_series(const Job& job, std::int64_t b, const CubeFrame& frame, const Content& held,
                              Scratch<float>& s, float* density) {
  const std::int64_t first = job.crystals.offsets[b], atoms = job.crystals.offsets[b + 1] - first;
  const double* weights = job.weights + first;
  const int n = job.grid.n;
  if (!s.series.choose(frame, static_cast<int>(atoms), job.grid, job.reach)) return false;
  const FourierModes modes = s.series.tables(job.crystals.frac_coords + 3 * first, weights);
  const bool negative = std::any_of(weights, weights + atoms, [](double w) { return w < 0; });
  const float least = negative ? -std::numeric_limits<float>::max() : 0.0f;
  const Strides stride = s.series.strides();
  const bool transposed = stride.z != 1 || stride.y != n;
  if (transposed) s.transposed.resize(job.grid.voxels());
  float* out = transposed ? s.transposed.data() : density;
  const float maximum = kernels<float>(job.options.isa).fourier_density(modes, least, s.series.scratch.data(), out);
  if (maximum < 0.2 * std::max(held.mean, held.peak)) return false;
  if (transposed)
    for (long x = 0, i = 0; x < n; ++x)
      for (long y = 0; y < n; ++y)
        for (long z = 0; z < n; ++z, ++i) density[x * stride.x + y * stride.y + z * stride.z] = out[i];
  return true;
}

/// Fill cube b from the images near it. Returns the cutoff, Å.
template <class T>
double fill_with_images(const Job& job, std::int64_t b, const Content& held, KernelScratch<T>& s, T* density) {
  const double scale = kernel_scale(job.grid.sigma), prefactor = gaussian_prefactor(job.grid.sigma);
  for (double cutoff = job.rule.first;; cutoff += job.rule.step) {
    s.clear();
    for_each_image(job.crystals, job.cubes, b, job.grid.length, cutoff,
                   [&](std::int64_t atom, Vec3 p, Vec3) { s.add(p, prefactor * job.weights[atom], scale); });
    const KernelImages<T> images = s.finish(job.grid.n);
    const double maximum =
        kernels<T>(job.options.isa)
            .density(images, kernel_grid<T>(job.grid, cutoff), s.tables.data(), s.lists.data(), density);
    if (job.rule.far_enough(cutoff, maximum, held)) return cutoff;
  }
}

/// Estimate how many images add to a voxel's sum in cube b.
double images_near(const Job& job, std::int64_t b, const CubeFrame& frame) {
  const std::int64_t atoms = job.crystals.offsets[b + 1] - job.crystals.offsets[b];
  if (!job.cubes.periodic) return static_cast<double>(atoms);
  const double reach = job.rule.first, sphere = 4.0 / 3.0 * 3.14159265358979324 * reach * reach * reach;
  return static_cast<double>(atoms) * sphere / std::fabs(dot(frame.a, cross(frame.b, frame.c)));
}

template <class T>
void voxelize_batch(const Job& job, T* density, double* cutoffs) {
  prefer_large_pages(density, job.crystals.size * job.grid.voxels());
  parallel_for<Scratch<T>>(job.crystals.size, job.options.threads, [&](std::int64_t b, Scratch<T>& s) {
    const CubeFrame frame = cube_frame(job.crystals, job.cubes, b);
    const std::int64_t* atoms = job.crystals.offsets + b;
    const Content held = content(job.weights, atoms[0], atoms[1], frame, job.grid.sigma);
    T* cube = density + b * job.grid.voxels();
    if constexpr (std::is_same_v<T, float>) {
      if (job.cubes.periodic && job.options.cutoff == 0 && fill_with_fourier_series(job, b, frame, held, s, cube)) {
        cutoffs[b] = std::numeric_limits<double>::infinity();
        return;
      }
      if (images_near(job, b, frame) > kMostInSingle) {
        s.wide.resize(job.grid.voxels());
        cutoffs[b] = fill_with_images(job, b, held, s.many, s.wide.data());
        std::copy(s.wide.begin(), s.wide.end(), cube);
        return;
      }
    }
    cutoffs[b] = fill_with_images(job, b, held, s.images, cube);
  });
}

Job job_of(const DensityBatch& batch, const DensityOptions& options) {
  const double sigma = batch.grid.sigma;
  return {batch, options, reach_of(options.accuracy, sigma),
          cutoff_rule(options.cutoff, options.accuracy, sigma, batch.cubes.periodic)};
}

}  // namespace

void voxelize(const DensityBatch& batch, const DensityOptions& options, float* density, double* cutoffs) {
  voxelize_batch(job_of(batch, options), density, cutoffs);
}

void voxelize(const DensityBatch& batch, const DensityOptions& options, double* density, double* cutoffs) {
  voxelize_batch(job_of(batch, options), density, cutoffs);
}

}  // namespace crystalgrid
