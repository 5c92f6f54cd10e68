// Fragments of a label on the GPU: components of equal label by union-find, of which those that are several balls are
// split as in ball_split.cpp; a block for each cube.
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

/// The voxels of one component, of which the first has number -1 - voxels for its root.
struct Component {
  int* root;
  int n, first, voxels;

  /// Call `visit(voxel)` for each voxel, the warp's lanes side by side.
  template <class Visit>
  __device__ void for_each(const Visit& visit) const {
    for (int begin = first, seen = 0; seen < voxels; begin += kWarp) {
      const int v = begin + static_cast<int>(threadIdx.x % kWarp);
      const bool here = v < n * n * n && (v == first || root[v] == first);
      if (here) visit(v);
      seen += __popc(__ballot_sync(kAllLanes, here));
    }
  }
};

/// The voxel that is farthest from the nearest end, of equals the first. One warp calls this.
__device__ Voxel farthest_from(const Ends& ends, const Component& component) {
  unsigned long long farthest = 0;  // distance, then voxel, so that the largest is wanted
  component.for_each([&](int v) {
    const unsigned long long distance = ends.distance(place_of(v, component.n));
    farthest = max(farthest, distance << 32 | ~static_cast<unsigned>(v));
  });
  for (int step = kWarp / 2; step; step /= 2) farthest = max(farthest, __shfl_xor_sync(kAllLanes, farthest, step));
  return place_of(static_cast<int>(~static_cast<unsigned>(farthest)), component.n);
}

/// Give a component's voxels to the nearest end's first voxel. One warp calls this.
__device__ void share_voxels(const Ends& ends, const Component& component) {
  const int n = component.n;
  int first[Ends::kMost];
  for (int end = 0; end < ends.count; ++end) first[end] = n * n * n;
  component.for_each([&](int v) {
    int& of_end = first[ends.nearest(place_of(v, n))];
    of_end = min(of_end, v);
  });
  for (int end = 0; end < ends.count; ++end)
    for (int step = kWarp / 2; step; step /= 2)
      first[end] = min(first[end], __shfl_xor_sync(kAllLanes, first[end], step));
  component.for_each([&](int v) {
    const int of_end = first[ends.nearest(place_of(v, n))];
    component.root[v] = v == of_end ? kNone - 1 : of_end;
  });
}

/// Have the first voxel of each component count its voxels, as Component says. The whole block calls this.
__device__ void count_voxels(int voxels, int* root) {
  for (int v = threadIdx.x; v < voxels; v += kThreads)
    if (root[v] == v) root[v] = kNone - 1;
  __syncthreads();
  for (int v = threadIdx.x; v < voxels; v += kThreads)
    if (root[v] >= 0) atomicSub(&root[root[v]], 1);
  __syncthreads();
}

/// Split the components that are several balls. The whole block calls this, each warp for some of the components.
__device__ void split_components(const BallRule& rule, int n, int* root) {
  for (int begin = threadIdx.x / kWarp * kWarp; begin < n * n * n; begin += kThreads) {
    const int v = begin + static_cast<int>(threadIdx.x % kWarp);
    unsigned large = __ballot_sync(kAllLanes, v < n * n * n && may_be_balls(rule, kNone - root[v]));
    for (; large; large &= large - 1) {
      const int first = begin + __ffs(static_cast<int>(large)) - 1;
      const Component component{root, n, first, kNone - root[first]};
      const Ends ends =
          find_ends(rule, place_of(first, n), [&](const Ends& known) { return farthest_from(known, component); });
      if (ends.count > 1) share_voxels(ends, component);
      __syncwarp();
    }
  }
  __syncthreads();
}

__global__ void __launch_bounds__(kThreads) label_components(const std::uint8_t* species, int n, int connectivity,
                                                             BallRule rule, int* root, std::int64_t* fragments) {
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
  count_voxels(voxels, root);
  split_components(rule, n, root);
  const int count = number_in_order<kThreads>(
      voxels, found, [&](int v) { return root[v] < kNone; }, [&](int v, int number) { root[v] = -2 - number; });
  if (threadIdx.x == 0) fragments[blockIdx.x] = count;
}

}  // namespace

void find_fragments(const std::uint8_t* species, std::int64_t batch, const Grid& grid, const AtomsOptions& options,
                    const Queue& queue, std::int32_t* root, std::int64_t* fragments) {
  launch("find_atoms (fragments)", label_components, batch, kThreads, queue, species, grid.n, options.connectivity,
         ball_rule(grid, options.radius), root, fragments);
}

}  // namespace crystalgrid::cuda
