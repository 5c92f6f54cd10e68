// Atoms on the GPU: what atoms.cpp does with the fragments of a cube, a block for each cube, with the same results.
#include "fragment.cuh"
#include "launch.cuh"
#include "rank.cuh"

namespace crystalgrid::cuda {
namespace {

constexpr int kThreads = 256;

struct Labels {
  const std::uint8_t* species;
  const float *density, *confidence;  // or null
  const int* root;
  int n, connectivity;

  __device__ void go_to(std::int64_t cube) {
    const std::int64_t first = cube * n * n * n;
    species += first;
    root += first;
    if (density) density += first;
    if (confidence) confidence += first;
  }
};

struct FragmentsOfCube {
  Fragment* all;
  int count;
};

__device__ FragmentsOfCube fragments_of(void* scratch, const std::int64_t* offsets, std::int64_t cube) {
  return {static_cast<Fragment*>(scratch) + offsets[cube], static_cast<int>(offsets[cube + 1] - offsets[cube])};
}

/// Measure each fragment on its own. The whole block calls this.
__device__ void measure(const Labels& cube, FragmentsOfCube fragments) {
  const int n = cube.n, voxels = n * n * n;
  for (int f = threadIdx.x; f < fragments.count; f += kThreads)
    fragments.all[f] = {{n, n, n}, {kNone, kNone, kNone}, 0, 0,     {},    0, 0, kNone,
                        kNone,     fragments.count,       0, kNone, kNone, {}};
  __syncthreads();
  for (int v = threadIdx.x; v < voxels; v += kThreads) {
    if (!cube.species[v]) continue;
    Fragment& fragment = fragments.all[fragment_at(cube.root, v)];
    const Voxel place = place_of(v, n);
    const int at[3] = {place.i, place.j, place.k};
    for (int axis = 0; axis < 3; ++axis) {
      atomicMin(&fragment.low[axis], at[axis]);
      atomicMax(&fragment.high[axis], at[axis]);
      atomicAdd(&fragment.sum[axis], static_cast<unsigned long long>(at[axis]));
    }
    atomicAdd(&fragment.own_voxels, 1);
    if (cube.root[v] < kNone) fragment.label = cube.species[v];  // its first voxel
    for_each_neighbour(place, n, cube.connectivity, kAll, [&](int w) {
      if (cube.species[w] && cube.species[w] != cube.species[v]) atomicMax(&fragment.touches, 1);
    });
  }
  __syncthreads();
}

__device__ void found_atom(Fragment* all, int f) {
  all[f].atom = f;
  all[f].voxels = all[f].votes = all[f].own_voxels;
}

/// Fragments that touch nothing are atoms; the others wait in `pending`, the largest first. The whole block calls this.
__device__ void sort_touching(FragmentsOfCube fragments, int& waiting) {
  if (threadIdx.x == 0) waiting = 0;
  __syncthreads();
  for (int f = threadIdx.x; f < fragments.count; f += kThreads) {
    fragments.all[f].voxels = fragments.all[f].own_voxels;
    if (!fragments.all[f].touches) {
      found_atom(fragments.all, f);
      continue;
    }
    int before = 0;
    for (int g = 0; g < fragments.count; ++g) {
      const Fragment& other = fragments.all[g];
      before += other.touches && (other.own_voxels > fragments.all[f].own_voxels ||
                                  (other.own_voxels == fragments.all[f].own_voxels && g < f));
    }
    fragments.all[before].pending = f;
    atomicAdd(&waiting, 1);
  }
  __syncthreads();
}

/// The fragment through which another touches its nearest atom, and the squared distance of that atom.
struct Contact {
  int fragment = kNone;
  double distance = 0;

  __device__ void take_nearer(int other, double d) {
    if (other == kNone) return;
    if (fragment != kNone && (d > distance || (d == distance && other >= fragment))) return;
    fragment = other;
    distance = d;
  }
};

/// Call `visit(voxel)` for the voxels in a fragment's box, the warp's lanes side by side.
template <class Visit>
__device__ void for_each_in_box(const Fragment& fragment, int n, const Visit& visit) {
  const int* low = fragment.low;
  const int nj = fragment.high[1] - low[1] + 1, nk = fragment.high[2] - low[2] + 1;
  const int voxels = (fragment.high[0] - low[0] + 1) * nj * nk;
  for (int i = threadIdx.x % kWarp; i < voxels; i += kWarp)
    visit(((low[0] + i / nk / nj) * n + low[1] + i / nk % nj) * n + low[2] + i % nk);
}

/// Sum over a whole warp; each lane receives the result.
__device__ Contact contact_of(const Labels& cube, const Fragment* all, int f) {
  Contact nearest;
  for_each_in_box(all[f], cube.n, [&](int v) {
    if (!cube.species[v] || fragment_at(cube.root, v) != f) return;
    for_each_neighbour(place_of(v, cube.n), cube.n, cube.connectivity, kAll, [&](int w) {
      if (!cube.species[w] || cube.species[w] == cube.species[v]) return;
      const int g = fragment_at(cube.root, w);
      if (all[g].atom == kNone) return;
      double distance = 0;
      for (int axis = 0; axis < 3; ++axis) {
        const double d = all[f].middle(axis) - all[all[g].atom].middle(axis);
        distance += d * d;
      }
      nearest.take_nearer(g, distance);
    });
  });
  for (int step = kWarp / 2; step; step /= 2) {
    const int other = __shfl_xor_sync(kAllLanes, nearest.fragment, step);
    const double distance = __shfl_xor_sync(kAllLanes, nearest.distance, step);
    nearest.take_nearer(other, distance);
  }
  return nearest;
}

/// Add fragment f to an atom, and its voxels to those that voted for its label. One thread calls this.
__device__ void join(Fragment* all, int atom, int f) {
  Fragment &whole = all[atom], &part = all[f];
  part.atom = atom;
  whole.voxels += part.own_voxels;
  for (int axis = 0; axis < 3; ++axis) {
    whole.sum[axis] += part.sum[axis];
    whole.low[axis] = min(whole.low[axis], part.low[axis]);
    whole.high[axis] = max(whole.high[axis], part.high[axis]);
  }
  int same = atom;
  while (all[same].label != part.label && all[same].next_label != kNone) same = all[same].next_label;
  if (all[same].label == part.label) {
    all[same].votes += part.own_voxels;
  } else {
    all[same].next_label = f;
    part.votes = part.own_voxels;
  }
}

/// Give each waiting fragment an atom, as join_fragments in atoms.cpp does. One warp calls this.
__device__ void settle_waiting(const Labels& cube, const BallRule& rule, Fragment* all, int waiting) {
  const bool leads = threadIdx.x % kWarp == 0;
  while (waiting > 0) {
    int kept = 0;
    for (int i = 0; i < waiting; ++i) {
      const int f = all[i].pending;
      const Contact contact = contact_of(cube, all, f);
      const bool small = all[f].own_voxels < rule.smallest_ball, touches_atom = contact.fragment != kNone;
      __syncwarp();
      if (small && !touches_atom) {
        if (leads) all[kept].pending = f;
        ++kept;
      } else if (leads) {
        if (touches_atom && (small || contact.distance < rule.same_ball_squared))
          join(all, all[contact.fragment].atom, f);
        else
          found_atom(all, f);
      }
      __syncwarp();
    }
    if (kept == waiting) {  // nothing that they touch is part of an atom: the first becomes one
      const int f = all[0].pending;
      __syncwarp();
      if (leads) found_atom(all, f);
      --kept;
      for (int begin = 0; begin < kept; begin += kWarp) {
        const int i = begin + threadIdx.x % kWarp;
        const int next = i < kept ? all[i + 1].pending : kNone;
        __syncwarp();
        if (i < kept) all[i].pending = next;
        __syncwarp();
      }
    }
    waiting = kept;
  }
}

__device__ double sum_over_warp(double value) {
  for (int step = kWarp / 2; step; step /= 2) value += __shfl_xor_sync(kAllLanes, value, step);
  return value;
}

/// Return whether a voxel is of the atom that a fragment founded.
__device__ bool is_of(const Labels& cube, const Fragment* all, int founder, int v) {
  return cube.species[v] && all[fragment_at(cube.root, v)].atom == founder;
}

/// Move the centre of a ball that a face cuts along one axis, as complete_ball in atoms.cpp does. One warp calls this.
__device__ void complete_ball(const Labels& cube, const BallRule& rule, Fragment* all, int founder, int axis) {
  Fragment& atom = all[founder];
  const int n = cube.n, face = cutting_face(rule, atom.low[axis], atom.high[axis], n);
  if (face == 0) return;
  const int step = -face * (axis == 0 ? n * n : axis == 1 ? n : 1), u = (axis + 1) % 3, v = (axis + 2) % 3;
  double depth = 0, lines = 0;
  for_each_in_box(atom, n, [&](int voxel) {
    const Voxel place = place_of(voxel, n);
    const int at[3] = {place.i, place.j, place.k};
    if (at[axis] != (face < 0 ? 0 : n - 1) || !is_of(cube, all, founder, voxel)) return;
    int length = 0;
    for (int w = voxel; length < n && is_of(cube, all, founder, w); w += step) ++length;
    depth += depth_by_line(rule, length, at[u] - atom.centre[u], at[v] - atom.centre[v]);
    ++lines;
  });
  depth = sum_over_warp(depth);
  lines = sum_over_warp(lines);
  __syncwarp();
  if (threadIdx.x % kWarp == 0 && lines > 0) atom.centre[axis] = at_depth(depth / lines, face, n);
  __syncwarp();
}

/// The centre of the atom that a fragment founded. One warp calls this.
__device__ void find_centre(const Labels& cube, const BallRule& rule, Fragment* all, int founder) {
  const auto for_each_voxel = [&](const auto& visit) {
    for_each_in_box(all[founder], cube.n, [&](int v) {
      if (is_of(cube, all, founder, v)) visit(v);
    });
  };
  const auto value = [](const float* values, int v) { return values ? static_cast<double>(values[v]) : 1.0; };
  double mean = 0, weights = 0, moment[3] = {};
  for_each_voxel([&](int v) { mean += value(cube.density, v) / static_cast<double>(all[founder].voxels); });
  mean = sum_over_warp(mean);
  for_each_voxel([&](int v) {
    const double weight = voxel_weight(value(cube.density, v), value(cube.confidence, v), mean);
    const Voxel at = place_of(v, cube.n);
    weights += weight;
    moment[0] += weight * at.i;
    moment[1] += weight * at.j;
    moment[2] += weight * at.k;
  });
  weights = sum_over_warp(weights);
  for (int axis = 0; axis < 3; ++axis) {
    const double centre = sum_over_warp(moment[axis]) / weights;
    if (threadIdx.x % kWarp == 0) all[founder].centre[axis] = centre;
  }
  __syncwarp();
  for (int axis = 0; axis < 3; ++axis) complete_ball(cube, rule, all, founder, axis);
}

/// Number the atoms in the order of their first voxels; returns how many there are. The whole block calls this.
__device__ int number_atoms(FragmentsOfCube fragments, Found<kThreads>& found) {
  for (int f = threadIdx.x; f < fragments.count; f += kThreads)
    atomicMin(&fragments.all[fragments.all[f].atom].first, f);
  __syncthreads();
  return number_in_order<kThreads>(
      fragments.count, found, [&](int f) { return fragments.all[fragments.all[f].atom].first == f; },
      [&](int f, int place) { fragments.all[f].place = place; });
}

/// A block for each cube.
__global__ void __launch_bounds__(kThreads)
    join_into_atoms(Labels cube, BallRule rule, const std::int64_t* offsets, void* scratch, std::int64_t* atoms) {
  __shared__ Found<kThreads> found;
  __shared__ int waiting;
  cube.go_to(blockIdx.x);
  const FragmentsOfCube fragments = fragments_of(scratch, offsets, blockIdx.x);
  measure(cube, fragments);
  sort_touching(fragments, waiting);
  if (threadIdx.x < kWarp) settle_waiting(cube, rule, fragments.all, waiting);
  __syncthreads();
  for (int f = threadIdx.x / kWarp; f < fragments.count; f += kThreads / kWarp)
    if (fragments.all[f].atom == f) find_centre(cube, rule, fragments.all, f);
  const int count = number_atoms(fragments, found);
  if (threadIdx.x == 0) atoms[blockIdx.x] = count;
}

struct Result {
  double* positions;
  std::int64_t *numbers, *votes;
};

/// The label with most votes, of equals the smaller, of an atom and its founder `best`.
__device__ const Fragment* majority(const Fragment* all, const Fragment* best) {
  for (int f = best->next_label; f != kNone; f = all[f].next_label)
    if (all[f].votes > best->votes || (all[f].votes == best->votes && all[f].label < best->label)) best = &all[f];
  return best;
}

/// A block for each cube.
__global__ void write_result(const std::int64_t* offsets, void* scratch, const std::int64_t* atom_offsets,
                             double spacing, Result result) {
  const FragmentsOfCube fragments = fragments_of(scratch, offsets, blockIdx.x);
  for (int f = threadIdx.x; f < fragments.count; f += blockDim.x) {
    if (fragments.all[f].place == kNone) continue;
    const Fragment& founder = fragments.all[fragments.all[f].atom];
    const Fragment* winner = majority(fragments.all, &founder);
    const std::int64_t atom = atom_offsets[blockIdx.x] + fragments.all[f].place;
    for (int axis = 0; axis < 3; ++axis) result.positions[3 * atom + axis] = (founder.centre[axis] + 0.5) * spacing;
    result.numbers[atom] = winner->label;
    result.votes[atom] = winner->votes;
  }
}

}  // namespace

std::size_t fragment_bytes() { return sizeof(Fragment); }

void join_fragments(const LabelledCubes& cubes, const Grid& grid, const AtomsOptions& options, const Queue& queue,
                    const std::int32_t* root, const std::int64_t* fragment_offsets, void* scratch,
                    std::int64_t* atoms) {
  const Labels labels{cubes.species, cubes.density, cubes.confidence, root, grid.n, options.connectivity};
  launch("find_atoms (atoms)", join_into_atoms, cubes.batch, kThreads, queue, labels, ball_rule(grid, options.radius),
         fragment_offsets, scratch, atoms);
}

void write_atoms(std::int64_t batch, const Grid& grid, const Queue& queue, const std::int64_t* fragment_offsets,
                 void* scratch, const std::int64_t* atom_offsets, double* positions, std::int64_t* numbers,
                 std::int64_t* votes) {
  launch("find_atoms (result)", write_result, batch, kWarp, queue, fragment_offsets, scratch, atom_offsets,
         grid.spacing(), Result{positions, numbers, votes});
}

}  // namespace crystalgrid::cuda
