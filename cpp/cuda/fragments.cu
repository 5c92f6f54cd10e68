// Fragments of a label on the GPU: components of equal label by union-find, a block for each cube.
#include "fragment.cuh"
#include "launch.cuh"
#include "rank.cuh"

namespace crystalgrid::cuda {
namespace {

constexpr int kThreads = 256;

/// Other threads link roots meanwhile; whatever is read leads to the same component.
__device__ int find_root(const volatile int* parent, int i) {
  for (int next; (next = parent[i]) != i; i = next) {
  }
  return i;
}

/// Link two components; the first voxel stays the root, whoever comes first.
__device__ void unite(int* parent, int i, int j) {
  for (;;) {
    i = find_root(parent, i);
    j = find_root(parent, j);
    if (i == j) return;
    const int later = max(i, j), earlier = min(i, j);
    const int before = atomicMin(&parent[later], earlier);
    if (before == later) return;
    i = before;  // another thread linked it first: link what it linked to
    j = earlier;
  }
}

__global__ void __launch_bounds__(kThreads)
    label_components(const std::uint8_t* species, int n, int connectivity, int* root, std::int64_t* fragments) {
  __shared__ Found<kThreads> found;
  const int voxels = n * n * n;
  species += static_cast<std::int64_t>(blockIdx.x) * voxels;
  root += static_cast<std::int64_t>(blockIdx.x) * voxels;
  for (int v = threadIdx.x; v < voxels; v += kThreads) root[v] = species[v] ? v : kNone;
  __syncthreads();
  for (int v = threadIdx.x; v < voxels; v += kThreads)
    if (const int label = species[v])
      for_each_neighbour(place_of(v, n), n, connectivity, kEarlier, [&](int w) {
        if (species[w] == label) unite(root, v, w);
      });
  __syncthreads();
  for (int v = threadIdx.x; v < voxels; v += kThreads)
    if (species[v]) root[v] = find_root(root, v);
  __syncthreads();
  const int count = number_in_order<kThreads>(
      voxels, found, [&](int v) { return root[v] == v; }, [&](int v, int number) { root[v] = -2 - number; });
  if (threadIdx.x == 0) fragments[blockIdx.x] = count;
}

}  // namespace

void find_fragments(const std::uint8_t* species, std::int64_t batch, const Grid& grid, const AtomsOptions& options,
                    const Queue& queue, std::int32_t* root, std::int64_t* fragments) {
  launch("find_atoms (fragments)", label_components, batch, kThreads, queue, species, grid.n, options.connectivity,
         root, fragments);
}

}  // namespace crystalgrid::cuda
