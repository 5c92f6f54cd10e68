#include "crystalgrid/density.hpp"

#include <numbers>
#include <vector>

#include "images.hpp"
#include "parallel.hpp"

namespace crystalgrid {
namespace {
struct Scratch {};
template <class T>
void run(const Crystals& crystals, const double* weights, const Cubes& cubes, const Grid& grid,
         const DensityOptions& options, T* density) {
  const double rc = options.cutoff > 0 ? options.cutoff : (cubes.periodic ? 5.5 : 1e3) * grid.sigma;
  const double norm = std::pow(2 * std::numbers::pi, -1.5) / (grid.sigma * grid.sigma * grid.sigma);
  parallel_for<Scratch>(crystals.size, options.threads, [&](std::int64_t b, Scratch&) {
    T* out = density + b * grid.voxels();
    std::fill_n(out, grid.voxels(), T(0));
    std::vector<T> g(3 * grid.n);
    for_each_image(crystals, cubes, b, grid.length, rc, [&](std::int64_t m, Vec3 p, Vec3) {
      for (int i = 0; i < grid.n; ++i)
        for (int a = 0; a < 3; ++a) {
          double d = ((i + .5) * grid.spacing() - (a == 0 ? p.x : a == 1 ? p.y : p.z)) / grid.sigma;
          g[a * grid.n + i] = T(std::exp(-.5 * d * d) * (a == 0 ? norm * weights[m] : 1));
        }
      for (int i = 0; i < grid.n; ++i)
        for (int j = 0; j < grid.n; ++j) {
          T w = g[i] * g[grid.n + j];
          for (int k = 0; k < grid.n; ++k) out[(i * grid.n + j) * grid.n + k] += w * g[2 * grid.n + k];
        }
    });
  });
}
}  // namespace
void voxelize(const Crystals& c, const double* w, const Cubes& q, const Grid& g, const DensityOptions& o, float* d) {
  run(c, w, q, g, o, d);
}
void voxelize(const Crystals& c, const double* w, const Cubes& q, const Grid& g, const DensityOptions& o, double* d) {
  run(c, w, q, g, o, d);
}
}  // namespace crystalgrid
