#include "crystalgrid/density.hpp"

#include <algorithm>
#include <limits>
#include <type_traits>
#include <vector>

#include "crystalgrid/cutoff.hpp"
#include "isa.hpp"
#include "kernel_images.hpp"
#include "parallel.hpp"
#include "waves.hpp"

namespace crystalgrid {
namespace {

template <class T>
struct Scratch {
  KernelScratch<T> images;
  Waves waves;
  std::vector<float> turned;  // a cube whose axes are not in the waves' order
};

/// Fill a cube from waves. False where that is not possible, not the faster way, or not accurate enough: in a void of
/// the crystal, waves cancel down to their rounding.
bool fill_with_waves(const Crystals& crystals, const double* weights, std::int64_t b, const CubeFrame& frame,
                     const Grid& grid, Isa isa, const Reach& reach, const Content& held, Scratch<float>& s,
                     float* density) {
  const std::int64_t first = crystals.offsets[b], atoms = crystals.offsets[b + 1] - first;
  if (!s.waves.choose(frame, static_cast<int>(atoms), grid, reach)) return false;
  const KernelWaves waves = s.waves.tables(crystals.frac_coords + 3 * first, weights + first);
  const bool negative = std::any_of(weights + first, weights + first + atoms, [](double w) { return w < 0; });
  const float least = negative ? -std::numeric_limits<float>::max() : 0.0f;
  const Strides stride = s.waves.strides();
  const bool turned = stride.z != 1 || stride.y != grid.n;
  if (turned) s.turned.resize(grid.voxels());
  float* out = turned ? s.turned.data() : density;
  const float maximum = kernels<float>(isa).wave_density(waves, least, s.waves.scratch.data(), out);
  if (maximum < 0.2 * std::max(held.mean, held.peak)) return false;
  if (turned)
    for (long x = 0, i = 0; x < grid.n; ++x)
      for (long y = 0; y < grid.n; ++y)
        for (long z = 0; z < grid.n; ++z, ++i) density[x * stride.x + y * stride.y + z * stride.z] = out[i];
  return true;
}

template <class T>
void voxelize_batch(const Crystals& crystals, const double* weights, const Cubes& cubes, const Grid& grid,
                    const DensityOptions& options, T* density, double* cutoffs) {
  const auto fill_cube = kernels<T>(options.isa).density;
  const CutoffRule rule = cutoff_rule(options.cutoff, options.accuracy, grid.sigma, cubes.periodic);
  const Reach reach = reach_of(options.accuracy, grid.sigma);
  const double scale = kernel_scale(grid.sigma), prefactor = gaussian_prefactor(grid.sigma);
  parallel_for<Scratch<T>>(crystals.size, options.threads, [&](std::int64_t b, Scratch<T>& s) {
    const CubeFrame frame = cube_frame(crystals, cubes, b);
    const Content held = content(weights, crystals.offsets[b], crystals.offsets[b + 1], frame, grid.sigma);
    if constexpr (std::is_same_v<T, float>)
      if (cubes.periodic && options.cutoff == 0 &&
          fill_with_waves(crystals, weights, b, frame, grid, options.isa, reach, held, s,
                          density + b * grid.voxels())) {
        cutoffs[b] = std::numeric_limits<double>::infinity();
        return;
      }
    KernelScratch<T>& scratch = s.images;
    for (double cutoff = rule.first;; cutoff += rule.step) {
      scratch.clear();
      for_each_image(crystals, cubes, b, grid.length, cutoff,
                     [&](std::int64_t atom, Vec3 p, Vec3) { scratch.add(p, prefactor * weights[atom], scale); });
      const KernelImages<T> images = scratch.finish(grid.n);
      const double maximum = fill_cube(images, kernel_grid<T>(grid, cutoff), scratch.tables.data(),
                                       scratch.lists.data(), density + b * grid.voxels());
      cutoffs[b] = cutoff;
      if (rule.far_enough(cutoff, maximum, held)) break;
    }
  });
}

}  // namespace

void voxelize(const Crystals& crystals, const double* weights, const Cubes& cubes, const Grid& grid,
              const DensityOptions& options, float* density, double* cutoffs) {
  voxelize_batch(crystals, weights, cubes, grid, options, density, cutoffs);
}

void voxelize(const Crystals& crystals, const double* weights, const Cubes& cubes, const Grid& grid,
              const DensityOptions& options, double* density, double* cutoffs) {
  voxelize_batch(crystals, weights, cubes, grid, options, density, cutoffs);
}

}  // namespace crystalgrid
