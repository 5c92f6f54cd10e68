// The gradient of Eq. (1): each image gathers, from the voxels near it, what the forward pass scattered.
#include <algorithm>
#include <cmath>
#include <type_traits>
#include <vector>

#include "crystalgrid/density.hpp"
#include "fourier.hpp"
#include "isa.hpp"
#include "kernel_images.hpp"
#include "parallel.hpp"

namespace crystalgrid {
namespace {

/// An image's atom, and its position in units of the lattice vectors.
struct Source {
  std::int64_t atom;
  double frac[3];
};

template <class T>
struct Scratch {
  KernelScratch<T> images;
  std::vector<Source> sources;
  std::vector<T> sums;  // [count][4]: Σ g·2^(-u²) times 1, u_x, u_y and u_z
  FourierSeries series;
};

/// FourierSeries that count in a gradient, relative to its largest part.
constexpr double kGradientAccuracy = 1e-6;

/// The transpose of `rotated`: a vector of the cube's frame, in the crystal's.
Vec3 rotated_back(const double* r, Vec3 v) {
  if (!r) return v;
  return {r[0] * v.x + r[3] * v.y + r[6] * v.z, r[1] * v.x + r[4] * v.y + r[7] * v.z,
          r[2] * v.x + r[5] * v.y + r[8] * v.z};
}

void add(double scale, Vec3 v, double* sum) {
  sum[0] += scale * v.x;
  sum[1] += scale * v.y;
  sum[2] += scale * v.z;
}

/// A batch that is differentiated, and the arrays that receive its gradients.
struct Job : DensityBatch {
  const DensityOptions& options;
  Reach reach;
  DensityGradients grad;

  const double* rotation(std::int64_t b) const { return cubes.rotation ? cubes.rotation + 9 * b : nullptr; }
};

/// The gradients of cube b, which was summed over modes. Returns false if they cannot be had that way.
bool gather_fourier_series(const Job& job, std::int64_t b, Scratch<float>& s, const float* grad_density) {
  const std::int64_t first = job.crystals.offsets[b], atoms = job.crystals.offsets[b + 1] - first;
  const double* weights = job.weights + first;
  const CubeFrame frame = cube_frame(job.crystals, job.cubes, b);
  if (!s.series.choose(frame, static_cast<int>(atoms), job.grid, job.reach)) return false;
  const FourierModes modes = s.series.tables(job.crystals.frac_coords + 3 * first, weights);
  s.sums.resize(4 * modes.atoms);
  const FourierGradient gradient =
      kernels<float>(job.options.isa)
          .fourier_gradient(modes, s.series.strides(), s.series.scratch.data(), grad_density, s.sums.data());
  Vec3 lattice[3];
  s.series.chain(gradient, s.sums.data(), weights, job.grad.frac_coords + 3 * first, job.grad.weights + first, lattice);
  std::fill_n(job.grad.lattice + 9 * b, 9, 0.0);
  for (int row = 0; row < 3; ++row)
    add(1, rotated_back(job.rotation(b), lattice[row]), job.grad.lattice + 9 * b + 3 * row);
  return true;
}

/// The gradients of cube b from the images within `cutoff`.
template <class T>
void gather_images(const Job& job, std::int64_t b, double cutoff, Scratch<T>& s, const T* grad_density) {
  const Crystals& crystals = job.crystals;
  const double scale = kernel_scale(job.grid.sigma), prefactor = gaussian_prefactor(job.grid.sigma);
  const double slope = gaussian_slope(job.grid.sigma);
  s.images.clear();
  s.sources.clear();
  for_each_image(crystals, job.cubes, b, job.grid.length, cutoff, [&](std::int64_t atom, Vec3 p, Vec3 shift) {
    const double* f = crystals.frac_coords + 3 * atom;
    s.images.add(p, 1, scale);
    s.sources.push_back({atom, {f[0] + shift.x, f[1] + shift.y, f[2] + shift.z}});
  });
  s.sums.assign(4 * whole_vectors(static_cast<int>(s.sources.size())), T(0));
  const KernelImages<T> images = s.images.finish(job.grid.n);
  kernels<T>(job.options.isa)
      .gradient(images, kernel_grid<T>(job.grid, cutoff), s.images.tables.data(), s.images.lists.data(), grad_density,
                s.sums.data());

  const std::int64_t first = crystals.offsets[b], last = crystals.offsets[b + 1];
  std::fill(job.grad.frac_coords + 3 * first, job.grad.frac_coords + 3 * last, 0.0);
  std::fill(job.grad.weights + first, job.grad.weights + last, 0.0);
  std::fill_n(job.grad.lattice + 9 * b, 9, 0.0);
  const CubeFrame frame = cube_frame(crystals, job.cubes, b);
  for (std::size_t m = 0; m < s.sources.size(); ++m) {
    const auto& [atom, frac] = s.sources[m];
    const T* sum = &s.sums[4 * m];
    const Vec3 grad_position = prefactor * job.weights[atom] * slope * Vec3{sum[1], sum[2], sum[3]};
    job.grad.weights[atom] += prefactor * sum[0];
    add(1, {dot(grad_position, frame.a), dot(grad_position, frame.b), dot(grad_position, frame.c)},
        job.grad.frac_coords + 3 * atom);
    const Vec3 in_crystal = rotated_back(job.rotation(b), grad_position);
    for (int row = 0; row < 3; ++row) add(frac[row], in_crystal, job.grad.lattice + 9 * b + 3 * row);
  }
}

template <class T>
void backward_batch(const Job& job, const double* cutoffs, const T* grad_density) {
  parallel_for<Scratch<T>>(job.crystals.size, job.options.threads, [&](std::int64_t b, Scratch<T>& s) {
    const T* grad = grad_density + b * job.grid.voxels();
    if constexpr (std::is_same_v<T, float>)
      if (std::isinf(cutoffs[b]) && gather_fourier_series(job, b, s, grad)) return;
    gather_images(job, b, std::isinf(cutoffs[b]) ? job.reach.images : cutoffs[b], s, grad);
  });
}

Job job_of(const DensityBatch& batch, const DensityOptions& options, const DensityGradients& gradients) {
  return {batch, options, reach_of(kGradientAccuracy, batch.grid.sigma), gradients};
}

}  // namespace

void voxelize_backward(const DensityBatch& batch, const DensityOptions& options, const double* cutoffs,
                       const float* grad_density, const DensityGradients& gradients) {
  backward_batch(job_of(batch, options, gradients), cutoffs, grad_density);
}

void voxelize_backward(const DensityBatch& batch, const DensityOptions& options, const double* cutoffs,
                       const double* grad_density, const DensityGradients& gradients) {
  backward_batch(job_of(batch, options, gradients), cutoffs, grad_density);
}

}  // namespace crystalgrid
