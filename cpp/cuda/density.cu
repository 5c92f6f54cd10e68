// Eq. (1) on the GPU. A block sums one part of a cube; where a cube turns out nearly empty, a second pass sums it again
// with a longer cutoff.
#include "crystalgrid/cutoff.hpp"
#include "crystalgrid/gaussian.hpp"
#include "launch.cuh"
#include "tiles.cuh"

namespace crystalgrid::cuda {
namespace {

template <class T>
struct Problem : DensityBatch {
  CutoffRule rule;
  double scale, prefactor;
  T* density;
  double* cutoffs;
};

template <class T>
struct Shared {
  ImageLines lines;
  Found<kTileThreads> found;
  ImageList<T> images;
  Factors<T> factors;
  T largest[kTiles];
};

/// Add the tabulated images to the thread's sums.
template <class T>
__device__ void add_tabulated(const ThreadTile<T>& tile, const Shared<T>& shared, int first, int count,
                              T (&sums)[Tile::kSide][Tile::kSide]) {
  tile.for_each_reaching(shared.images.position, first, count, [&](int m) {
    const T* row = shared.factors.rows[m];
    T x[Tile::kSide], y[Tile::kSide];
    load_five(row + tile.row_x, x);
    load_five(row + tile.row_y, y);
    const T z = row[tile.row_z];
#pragma unroll
    for (int i = 0; i < Tile::kSide; ++i) {
      const T xz = x[i] * z;
#pragma unroll
      for (int j = 0; j < Tile::kSide; ++j) sums[i][j] += xz * y[j];
    }
  });
}

/// Add the listed images to the thread's voxels of the cube, or `start` with them.
template <class T>
__device__ void add_listed(const ThreadTile<T>& tile, int count, bool start, Voxel corner, T spacing, Shared<T>& shared,
                           T* cube) {
  T sums[Tile::kSide][Tile::kSide] = {};
  for (int first = 0; first < count; first += Factors<T>::kImages) {
    const int size = min(Factors<T>::kImages, count - first);
    tabulate(shared.images.position, shared.images.weight, first, size, corner, spacing, shared.factors);
    __syncthreads();
    add_tabulated(tile, shared, first, size, sums);
    __syncthreads();
  }
  tile.for_each_voxel(
      [&](int i, int j, std::int64_t voxel) { cube[voxel] = start ? sums[i][j] : cube[voxel] + sums[i][j]; });
}

/// One part of a cube from all images within the cutoff. Between lists, of which there is hardly ever a second, the
/// sums wait in the cube, so that no registers are held while images are looked for.
template <class T>
__device__ void sum_part(const Problem<T>& problem, std::int64_t b, int part, double cutoff, Shared<T>& shared) {
  const Voxel corner = first_of_part(part, problem.grid.n);
  if (threadIdx.x == 0)
    find_lines(problem.crystals, problem.cubes, b, box_of_centres(corner, Part::kX, Part::kY, Part::kZ, problem.grid),
               cutoff, shared.lines);
  __syncthreads();
  const double scale = problem.scale;
  const double* weights = problem.weights + problem.crystals.offsets[b];
  const auto list = [&](int place, int atom, Vec3 p) {
    shared.images.position[0][place] = static_cast<T>(scale * p.x);
    shared.images.position[1][place] = static_cast<T>(scale * p.y);
    shared.images.position[2][place] = static_cast<T>(scale * p.z);
    shared.images.weight[place] = static_cast<T>(problem.prefactor * weights[atom]);
  };
  LineWalk walk{threadIdx.x};
  for (bool start = true;; start = false) {
    const int count = collect<kTileThreads>(shared.lines, walk, ImageList<T>::kCapacity, shared.found, list);
    if (count == 0 && !start) break;
    const T spacing = static_cast<T>(scale * problem.grid.spacing());
    const ThreadTile<T> tile(corner, problem.grid.n, spacing, static_cast<T>(scale * cutoff));
    add_listed(tile, count, start, corner, spacing, shared, problem.density + b * problem.grid.voxels());
  }
}

/// The largest of a cube's voxels, for all threads of the block.
template <class T>
__device__ T largest_of(const T* density, std::int64_t voxels, T (&largest)[kTiles]) {
  T most = density[0];
  for (std::int64_t v = threadIdx.x; v < voxels; v += kTileThreads) most = max(most, density[v]);
  for (int step = kWarp / 2; step; step /= 2) most = max(most, __shfl_xor_sync(kAllLanes, most, step));
  if (threadIdx.x % kWarp == 0) largest[threadIdx.x / kWarp] = most;
  __syncthreads();
  for (const T other : largest) most = max(most, other);
  __syncthreads();
  return most;
}

/// First with a block for each part of each cube, at the first cutoff. Then, to `grow`, with a block for each cube.
template <class T>
__global__ void __launch_bounds__(kTileThreads, sizeof(T) == 4 ? 3 : 2)
    sum_images(const __grid_constant__ Problem<T> problem, bool grow) {
  __shared__ Shared<T> shared;
  const int all = parts(problem.grid.n);
  const std::int64_t b = grow ? blockIdx.x : blockIdx.x / all;
  const int first = grow ? 0 : blockIdx.x % all, last = grow ? all : first + 1;
  const std::int64_t* atoms = problem.crystals.offsets + b;
  Content held{};
  if (grow)
    held = content(problem.weights, atoms[0], atoms[1], cube_frame(problem.crystals, problem.cubes, b),
                   problem.grid.sigma);
  const std::int64_t voxels = problem.grid.voxels();
  double cutoff = problem.rule.first;
  for (;; cutoff += problem.rule.step) {
    if (!grow || cutoff > problem.rule.first)
      for (int part = first; part < last; ++part) sum_part(problem, b, part, cutoff, shared);
    if (!grow) break;
    __syncthreads();
    if (problem.rule.far_enough(cutoff, largest_of(problem.density + b * voxels, voxels, shared.largest), held)) break;
  }
  if (threadIdx.x == 0 && first == 0) problem.cutoffs[b] = cutoff;
}

template <class T>
void voxelize_batch(const DensityBatch& batch, const DensityOptions& options, const Queue& queue, T* density,
                    double* cutoffs) {
  const double sigma = batch.grid.sigma;
  const CutoffRule rule = cutoff_rule(options.cutoff, options.accuracy, sigma, batch.cubes.periodic);
  const Problem<T> problem{batch, rule, kernel_scale(sigma), gaussian_prefactor(sigma), density, cutoffs};
  const std::int64_t cubes = batch.crystals.size;
  launch("voxelize", sum_images<T>, cubes * parts(batch.grid.n), kTileThreads, queue, problem, false);
  if (rule.accuracy > 0) launch("voxelize (cutoffs)", sum_images<T>, cubes, kTileThreads, queue, problem, true);
}

}  // namespace

void voxelize(const DensityBatch& batch, const DensityOptions& options, const Queue& queue, float* density,
              double* cutoffs) {
  voxelize_batch(batch, options, queue, density, cutoffs);
}

void voxelize(const DensityBatch& batch, const DensityOptions& options, const Queue& queue, double* density,
              double* cutoffs) {
  voxelize_batch(batch, options, queue, density, cutoffs);
}

}  // namespace crystalgrid::cuda
