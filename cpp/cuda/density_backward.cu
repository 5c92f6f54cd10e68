// The gradient of Eq. (1) on the GPU: tiles of the incoming gradient stay in registers while the images stream by, and
// each image gathers four sums from each tile it reaches. Sums are added up in a fixed order, never by float atomics.
#include "crystalgrid/gaussian.hpp"
#include "launch.cuh"
#include "tiles.cuh"

namespace crystalgrid::cuda {
namespace {

constexpr int kSums = 4;    // of an image: Σ g·2^(-u²) times 1, u_x, u_y and u_z
constexpr int kVirial = 9;  // of a part: Σ over images of weight · fractional coordinates ⊗ Σ g·2^(-u²) u

template <class T>
struct Problem : DensityBatch {
  double scale;
  const double* cutoffs;
  const T* grad_density;
  double* scratch;
};

/// The sums of the parts of cube b: for each part, kSums for each atom and then kVirial.
__device__ inline double* sums_of_part(const Crystals& crystals, double* scratch, int parts, std::int64_t b, int part) {
  const std::int64_t first = crystals.offsets[b], atoms = crystals.offsets[b + 1] - first;
  return scratch + parts * (kSums * first + kVirial * b) + part * (kSums * atoms + kVirial);
}

template <class T>
struct Shared {
  ImageLines lines;
  Normals normal;
  Found<kTileThreads> found;
  ImageList<T> images;
  int atom[ImageList<T>::kCapacity];
  Factors<T> factors;
  T sums[kTiles][Factors<T>::kImages][kSums];
};

/// The sum over the warp of each of four values; lane 8·c holds that of value c.
template <class T>
__device__ inline T sum_over_warp(T v0, T v1, T v2, T v3) {
  const int lane = threadIdx.x % kWarp;
  const bool upper = lane & 16, odd = lane & 8;
  T a = upper ? v2 : v0, b = upper ? v3 : v1;
  a += __shfl_xor_sync(kAllLanes, upper ? v0 : v2, 16);
  b += __shfl_xor_sync(kAllLanes, upper ? v1 : v3, 16);
  T sum = odd ? b : a;
  sum += __shfl_xor_sync(kAllLanes, odd ? a : b, 8);
  for (int step = 4; step; step /= 2) sum += __shfl_xor_sync(kAllLanes, sum, step);
  return sum;
}

/// Each warp's sums for the tabulated images; zeros where an image does not reach its tile.
template <class T>
__device__ void gather_tabulated(const ThreadTile<T>& tile, T spacing, const T (&g)[Tile::kSide][Tile::kSide],
                                 int first, int count, Shared<T>& shared) {
  const int lane = threadIdx.x % kWarp;
  T(&sums)[Factors<T>::kImages][kSums] = shared.sums[threadIdx.x / kWarp];
  for (int i = lane; i < count * kSums; i += kWarp) sums[i / kSums][i % kSums] = 0;
  __syncwarp();
  const T x0 = (tile.first.x + T(0.5)) * spacing, y0 = (tile.first.y + T(0.5)) * spacing,
          z0 = (tile.first.z + T(0.5)) * spacing;
  tile.for_each_reaching(shared.images.position, first, count, [&](int m) {
    const T* row = shared.factors.rows[m];
    T x[Tile::kSide], y[Tile::kSide];
    load_five(row + tile.row_x, x);
    load_five(row + tile.row_y, y);
    const T z = row[tile.row_z];
    // Along x and y, moments are taken about the thread's first voxel, in voxels: Σ g·x·y·(1, i, j).
    T sum = 0, along_x = 0, along_y = 0;
#pragma unroll
    for (int i = 0; i < Tile::kSide; ++i) {
      T over_y = g[i][0] * y[0], moment = 0;
#pragma unroll
      for (int j = 1; j < Tile::kSide; ++j) {
        over_y += g[i][j] * y[j];
        moment += g[i][j] * (T(j) * y[j]);
      }
      const T value = x[i] * over_y;
      sum += value;
      along_x += T(i) * value;
      along_y += x[i] * moment;
    }
    sum *= z;
    const T ux = x0 - shared.images.position[0][first + m], uy = y0 - shared.images.position[1][first + m],
            uz = z0 - shared.images.position[2][first + m];
    const T total = sum_over_warp(sum, ux * sum + spacing * z * along_x, uy * sum + spacing * z * along_y, uz * sum);
    if (lane % 8 == 0) sums[m][lane / 8] = total;
  });
}

/// An image's fractional coordinate: its atom's, exactly, and the whole number that brings it nearest to where it lies.
template <class T>
__device__ double image_frac(int axis, int image, double scale, const Shared<T>& shared) {
  const auto& position = shared.images.position;
  const Vec3 p = (1 / scale) * Vec3{position[0][image], position[1][image], position[2][image]};
  const Vec3 normal = axis == 0 ? shared.normal.a : axis == 1 ? shared.normal.b : shared.normal.c;
  const double frac = shared.lines.frac_coords[3 * shared.atom[image] + axis];
  return frac + rint(dot(normal, p + -1.0 * shared.lines.frame.offset) - frac);
}

/// Add the sums of images `first` to `first + count` to those of their atoms and to the virial, in the list's order.
template <class T>
__device__ void add_to_atoms(double scale, const double* weights, int atoms, int first, int count, Shared<T>& shared,
                             double* out) {
  for (int i = threadIdx.x; i < count * kSums; i += kTileThreads) {
    T total = 0;
    for (int tile = 0; tile < kTiles; ++tile) total += shared.sums[tile][i / kSums][i % kSums];
    shared.sums[0][i / kSums][i % kSums] = total;
  }
  __syncthreads();
  const auto& sums = shared.sums[0];
  for (int i = threadIdx.x; i < kSums * atoms; i += kTileThreads) {
    double sum = out[i];
    for (int m = 0; m < count; ++m)
      if (shared.atom[first + m] == i / kSums) sum += sums[m][i % kSums];
    out[i] = sum;
  }
  if (threadIdx.x < kVirial) {
    const int axis = threadIdx.x / 3, column = threadIdx.x % 3;
    double sum = out[kSums * atoms + threadIdx.x];
    for (int m = 0; m < count; ++m)
      sum += weights[shared.atom[first + m]] * image_frac(axis, first + m, scale, shared) * sums[m][1 + column];
    out[kSums * atoms + threadIdx.x] = sum;
  }
}

/// A block for each part of each cube.
template <class T>
__global__ void __launch_bounds__(kTileThreads, 2) gather_part(const __grid_constant__ Problem<T> problem) {
  __shared__ Shared<T> shared;
  const Grid& grid = problem.grid;
  const int all = parts(grid.n), part = blockIdx.x % all;
  const std::int64_t b = blockIdx.x / all, first_atom = problem.crystals.offsets[b];
  const int atoms = static_cast<int>(problem.crystals.offsets[b + 1] - first_atom);
  const Voxel corner = first_of_part(part, grid.n);
  const double cutoff = problem.cutoffs[b], scale = problem.scale;
  double* out = sums_of_part(problem.crystals, problem.scratch, all, b, part);
  for (int i = threadIdx.x; i < kSums * atoms + kVirial; i += kTileThreads) out[i] = 0;
  if (threadIdx.x == 0) {
    find_lines(problem.crystals, problem.cubes, b, box_of_centres(corner, Part::kX, Part::kY, Part::kZ, grid), cutoff,
               shared.lines);
    shared.normal = normals(shared.lines.frame);
  }
  __syncthreads();
  const auto list = [&](int place, int atom, Vec3 p) {
    shared.images.position[0][place] = static_cast<T>(scale * p.x);
    shared.images.position[1][place] = static_cast<T>(scale * p.y);
    shared.images.position[2][place] = static_cast<T>(scale * p.z);
    shared.atom[place] = atom;
  };
  const T spacing = static_cast<T>(scale * grid.spacing());
  LineWalk walk{threadIdx.x};
  while (const int count = collect<kTileThreads>(shared.lines, walk, ImageList<T>::kCapacity, shared.found, list)) {
    const ThreadTile<T> tile(corner, grid.n, spacing, static_cast<T>(scale * cutoff));
    T g[Tile::kSide][Tile::kSide] = {};
    const T* cube = problem.grad_density + b * grid.voxels();
    tile.for_each_voxel([&](int i, int j, std::int64_t voxel) { g[i][j] = cube[voxel]; });
    for (int first = 0; first < count; first += Factors<T>::kImages) {
      const int size = min(Factors<T>::kImages, count - first);
      tabulate<T>(shared.images.position, nullptr, first, size, corner, spacing, shared.factors);
      __syncthreads();
      gather_tabulated(tile, spacing, g, first, size, shared);
      __syncthreads();
      add_to_atoms(scale, problem.weights + first_atom, atoms, first, size, shared, out);
      __syncthreads();
    }
  }
}

/// A block for each cube: from the sums over its parts to the gradients.
__global__ void add_parts(const __grid_constant__ DensityBatch batch, int parts, double prefactor, double slope,
                          double* scratch, DensityGradients grads) {
  const Crystals& crystals = batch.crystals;
  const Cubes& cubes = batch.cubes;
  const std::int64_t b = blockIdx.x, first_atom = crystals.offsets[b];
  const int atoms = static_cast<int>(crystals.offsets[b + 1] - first_atom);
  const CubeFrame frame = cube_frame(crystals, cubes, b);
  const auto over_parts = [&](int i) {
    double sum = 0;
    for (int part = 0; part < parts; ++part) sum += sums_of_part(crystals, scratch, parts, b, part)[i];
    return sum;
  };
  for (int i = threadIdx.x; i < atoms; i += blockDim.x) {
    const std::int64_t atom = first_atom + i;
    const double factor = prefactor * slope * batch.weights[atom];
    const Vec3 grad_position =
        factor * Vec3{over_parts(kSums * i + 1), over_parts(kSums * i + 2), over_parts(kSums * i + 3)};
    grads.weights[atom] = prefactor * over_parts(kSums * i);
    grads.frac_coords[3 * atom] = dot(grad_position, frame.a);
    grads.frac_coords[3 * atom + 1] = dot(grad_position, frame.b);
    grads.frac_coords[3 * atom + 2] = dot(grad_position, frame.c);
  }
  if (threadIdx.x >= kVirial) return;
  const int row = threadIdx.x / 3, column = threadIdx.x % 3;
  double grad = 0;
  for (int d = 0; d < 3; ++d)  // from the cube's frame to the crystal's
    grad += over_parts(kSums * atoms + 3 * row + d) * (cubes.rotation ? cubes.rotation[9 * b + 3 * d + column]
                                                       : d == column  ? 1.0
                                                                      : 0.0);
  grads.lattice[9 * b + threadIdx.x] = prefactor * slope * grad;
}

template <class T>
void backward_batch(const DensityBatch& batch, const Queue& queue, const double* cutoffs, const T* grad_density,
                    double* scratch, const DensityGradients& gradients) {
  const std::int64_t cubes = batch.crystals.size;
  const int all = parts(batch.grid.n);
  const double sigma = batch.grid.sigma;
  const Problem<T> problem{batch, kernel_scale(sigma), cutoffs, grad_density, scratch};
  launch("voxelize_backward", gather_part<T>, cubes * all, kTileThreads, queue, problem);
  launch("voxelize_backward (sum over parts)", add_parts, cubes, 4 * kWarp, queue, batch, all,
         gaussian_prefactor(sigma), gaussian_slope(sigma), scratch, gradients);
}

}  // namespace

std::int64_t voxelize_backward_scratch(std::int64_t batch, std::int64_t atoms, const Grid& grid) {
  return parts(grid.n) * (kSums * atoms + kVirial * batch);
}

void voxelize_backward(const DensityBatch& batch, const Queue& queue, const double* cutoffs, const float* grad_density,
                       double* scratch, const DensityGradients& gradients) {
  backward_batch(batch, queue, cutoffs, grad_density, scratch, gradients);
}

void voxelize_backward(const DensityBatch& batch, const Queue& queue, const double* cutoffs, const double* grad_density,
                       double* scratch, const DensityGradients& gradients) {
  backward_batch(batch, queue, cutoffs, grad_density, scratch, gradients);
}

}  // namespace crystalgrid::cuda
