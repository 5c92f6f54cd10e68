// Species labels on the GPU. A block labels 16 × 16 rows of 16 voxels, a thread each row, atom by atom as the CPU does.
#include "crystalgrid/grid.hpp"
#include "images.cuh"
#include "launch.cuh"
#include "nearest.hpp"

namespace crystalgrid::cuda {
namespace {

constexpr int kSide = 16, kRows = kSide * kSide;
constexpr int kListed = kRows + kRows / 2;

struct Problem {
  Crystals crystals;
  const std::int64_t* numbers;
  Cubes cubes;
  Grid grid;
  double reach;
  std::uint8_t* species;
};

struct Shared {
  ImageLines lines;
  Found<kRows> found;
  double x[kListed], y[kListed], z[kListed];
  std::uint8_t number[kListed];
  double nearest[kSide][kRows];  // squared distance to the atom that labels the voxel
  std::uint8_t labels[kRows][kSide];
};

/// Label the thread's row, whose voxels are i, j, `first` and on, by the listed atoms.
__device__ void label_row(int i, int j, int first, int count, const Grid& grid, double reach, Shared& shared) {
  const double h = grid.spacing(), limit = reach * reach;
  const int row = threadIdx.x, end = min(first + kSide, grid.n);
  for (int m = 0; m < count; ++m) {
    const double dx = (i + 0.5) * h - shared.x[m], dy = (j + 0.5) * h - shared.y[m], dxy = dx * dx + dy * dy;
    if (dxy > limit) continue;
    const Interval near = voxels_near(shared.z[m], reach, h, end);
    for (int k = max(near.low, first); k <= near.high; ++k) {
      const double dz = (k + 0.5) * h - shared.z[m], d = dxy + dz * dz;
      double& nearest = shared.nearest[k - first][row];
      std::uint8_t& label = shared.labels[row][k - first];
      if (d > limit || !labels_instead(d, shared.number[m], nearest, label)) continue;
      nearest = d;
      label = shared.number[m];
    }
  }
}

/// A block for each sixteen cubed voxels of each cube.
__global__ void __launch_bounds__(kRows, 3) label_rows(const __grid_constant__ Problem problem) {
  __shared__ Shared shared;
  const Grid& grid = problem.grid;
  const int n = grid.n, along = (n + kSide - 1) / kSide, row = threadIdx.x;
  const unsigned all = along * along * along, part = blockIdx.x % all;
  const std::int64_t b = blockIdx.x / all;
  const int x = part / along / along * kSide, y = part / along % along * kSide, z = part % along * kSide;
  const double h = grid.spacing();
  for (int k = 0; k < kSide; ++k) shared.labels[row][k] = 0;
  if (row == 0) {
    const Box box{{(x + 0.5) * h, (y + 0.5) * h, (z + 0.5) * h},
                  {(min(x + kSide, n) - 0.5) * h, (min(y + kSide, n) - 0.5) * h, (min(z + kSide, n) - 0.5) * h}};
    find_lines(problem.crystals, problem.cubes, b, box, problem.reach, shared.lines);
  }
  __syncthreads();
  const std::int64_t* numbers = problem.numbers + problem.crystals.offsets[b];
  const auto list = [&](int place, int atom, Vec3 p) {
    shared.x[place] = p.x;
    shared.y[place] = p.y;
    shared.z[place] = p.z;
    shared.number[place] = static_cast<std::uint8_t>(numbers[atom]);
  };
  LineWalk walk{row};
  while (const int count = collect<kRows>(shared.lines, walk, kListed, shared.found, list)) {
    label_row(x + row / kSide, y + row % kSide, z, count, grid, problem.reach, shared);
    __syncthreads();
  }
  std::uint8_t* species = problem.species + b * grid.voxels();
  for (int v = row; v < kRows * kSide; v += kRows) {  // sixteen threads write a row
    const int i = x + v / kSide / kSide, j = y + v / kSide % kSide, k = z + v % kSide;
    if (i < n && j < n && k < n)
      species[(static_cast<std::int64_t>(i) * n + j) * n + k] = shared.labels[v / kSide][v % kSide];
  }
}

}  // namespace

void label_species(const Crystals& crystals, const std::int64_t* numbers, const Cubes& cubes, const Grid& grid,
                   const SpeciesOptions& options, const Queue& queue, std::uint8_t* species) {
  const std::int64_t along = (grid.n + kSide - 1) / kSide;
  const Problem problem{crystals, numbers, cubes, grid, labelling_reach(options.radius), species};
  launch("label_species", label_rows, crystals.size * along * along * along, kRows, queue, problem);
}

}  // namespace crystalgrid::cuda
