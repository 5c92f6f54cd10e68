// The arguments of the density kernels of each instruction set: plain arrays, in the units that make a Gaussian
// 2^(-u²).
#pragma once

namespace crystalgrid {

/// Images near one cube. Lengths are in units of σ·√(2 ln 2), in which exp(-d²/2σ²) is 2^(-u²).
template <class T>
struct KernelImages {
  int count;
  const T *x, *y, *z;  ///< [whole_vectors(count)] position from the cube's corner; past `count`, out of reach
  const T* weight;     ///< [count]
  const int* every;    ///< [whole_vectors(count)] 0, 1, 2, …
};

/// Room for `count` images and at least a vector more, in whole vectors of either type.
constexpr int whole_vectors(int count) { return count / 16 * 16 + 32; }

template <class T>
struct KernelGrid {
  int n;
  T spacing;
  T reach;  ///< an image that is farther than this from all voxels of a brick is left out of the brick
};

/// A cube is worked in blocks of 15 × 15 rows, one vector long along z, and a block in bricks of 3 × 5 rows, whose sums
/// stay in registers.
struct Brick {
  static constexpr int kX = 3, kY = 5;
  static constexpr int kBlock = 15;  // rows of a block along x and along y
  static constexpr int kRow = 16;    // the same in the tables: whole vectors
  static constexpr int kSlab = 8;    // voxels along z that share the images that reach them: the longest vector
};

constexpr int blocks(int n) { return (n + Brick::kBlock - 1) / Brick::kBlock; }

/// Elements of T, and of int, that the kernels need as scratch for `count` images.
constexpr long scratch_size(int count, int n) {
  const long tables = 2 * blocks(n) * Brick::kRow + (n + 7) / 8 * 8;
  const long lists = 4 + Brick::kBlock / Brick::kX + Brick::kBlock / Brick::kY;
  const long moments = 4 * 8;  // of the gradient, a vector each
  return static_cast<long>(whole_vectors(count)) * (tables + lists + moments);
}
constexpr long list_size(int count) { return 2L * whole_vectors(count); }

#define CRYSTALGRID_KERNELS(isa, T)                                                                            \
  namespace isa {                                                                                              \
  T density(const KernelImages<T>&, const KernelGrid<T>&, T* scratch, int* lists, T* density);                 \
  void gradient(const KernelImages<T>&, const KernelGrid<T>&, T* scratch, int* lists, const T* grad, T* sums); \
  }
CRYSTALGRID_KERNELS(baseline, float)
CRYSTALGRID_KERNELS(baseline, double)
CRYSTALGRID_KERNELS(avx2, float)
CRYSTALGRID_KERNELS(avx2, double)
CRYSTALGRID_KERNELS(avx512, float)
CRYSTALGRID_KERNELS(avx512, double)
#undef CRYSTALGRID_KERNELS

}  // namespace crystalgrid
