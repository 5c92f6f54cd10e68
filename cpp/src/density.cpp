#include "crystalgrid/density.hpp"

#include "crystalgrid/cutoff.hpp"
#include "isa.hpp"
#include "kernel_images.hpp"
#include "parallel.hpp"

namespace crystalgrid {
namespace {

template <class T>
void voxelize_batch(const Crystals& crystals, const double* weights, const Cubes& cubes, const Grid& grid,
                    const DensityOptions& options, T* density, double* cutoffs) {
  const auto fill_cube = kernels<T>(options.isa).density;
  const CutoffRule rule = cutoff_rule(options.cutoff, options.accuracy, grid.sigma, cubes.periodic);
  const double scale = kernel_scale(grid.sigma), prefactor = gaussian_prefactor(grid.sigma);
  parallel_for<KernelScratch<T>>(crystals.size, options.threads, [&](std::int64_t b, KernelScratch<T>& scratch) {
    const Content held =
        content(weights, crystals.offsets[b], crystals.offsets[b + 1], cube_frame(crystals, cubes, b), grid.sigma);
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
