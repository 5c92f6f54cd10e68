// The arguments of the kernels that sum one cube's density over Fourier modes: plain arrays, in single precision.
//
// FourierSeries are numbered by (h, k, l) along the reciprocal vectors u*, v*, w*, and the cube's axes are named so
// that v* lies along Y, u* in the plane of X and Y: the mode's factor along Z depends on l alone, that along X on l and
// h. Of each pair of opposite modes one is summed, twice.
#pragma once

namespace crystalgrid {

/// Voxels are worked in groups of this many, so rows of the tables are whole groups.
constexpr int kVoxelGroup = 16;
/// FourierSeries of a row are worked in groups of this many.
constexpr int kModeGroup = 8;

/// e^(imθ) of several angles θ: [m][re, im][pitch], of which `zeroth` is m = 0.
struct Powers {
  const float* zeroth;
  int pitch;
};

/// The modes of one l and one h: k from `first`, `count` of them.
struct ModeRow {
  int l, h, first, count;
  float gx, gz;       ///< components of the reciprocal vector, 1/Å
  float gy, gy_step;  ///< the third: gy + k·gy_step
};

struct FourierModes {
  int n;       ///< voxels along an axis, a group of them or more
  int pitch;   ///< the same in whole groups
  int layers;  ///< l from 0 to layers - 1
  int rows;    ///< by l, then by h; in the first l = h = 0, and k starts at 0
  int widest;  ///< most modes of a row, in whole groups
  const ModeRow* row;
  const int* first_row;                 ///< [layers + 1] of each l
  Powers x_h, x_l, y_h, y_k, y_l, z_l;  ///< of the voxels
  int atoms;                            ///< in whole groups; those beyond the last weigh nothing
  const float* weight;                  ///< [atoms]
  Powers atom_h, atom_l;                ///< of the atoms, e^(-2πim f)
  const float* atom_k;                  ///< the same by atom, [atom][re, im][k_pitch], from k = 0 of the first
  int k_low, k_pitch;                   ///< the least k that occurs; room for a whole group from any that does
  const float* at[3];                   ///< [pitch] X, Y and Z of the voxels, Å from the crystal's origin
  float weight_of_all, log2_width;      ///< a mode weighs weight_of_all · 2^(log2_width · g²): 2/volume and -½σ² log2 e
};

/// The layout of a cube in memory: voxel (X, Y, Z) is element X·x + Y·y + Z·z.
struct Strides {
  long x, y, z;
};

/// Floats that the kernels need as scratch.
inline long fourier_scratch_size(const FourierModes& w) {
  const long row = 2L * w.pitch, tile = 4L * w.pitch;
  return 2L * (w.atoms + w.widest) + (2L * w.rows + w.layers) * row + 2 * w.layers * tile + 2 * kVoxelGroup;
}

/// Derivatives of L = Σ g · density, where g are the voxels' derivatives.
struct FourierGradient {
  double total;  ///< L itself
  double stretch[3]
                [3];  ///< Σ over modes of reciprocal vector component [i] times the derivative of L with respect to [j]
};

constexpr int fourier_columns(const FourierModes& w) { return (4 * w.layers + 5) / 6 * 6; }

inline long fourier_gradient_scratch_size(const FourierModes& w) {
  const long columns = fourier_columns(w);
  return w.n * columns * (w.pitch + 1) + (w.n + 12L) * w.pitch + 2L * w.atoms + 6L * w.widest +
         6L * w.atoms * w.k_pitch + kVoxelGroup;
}

#define CRYSTALGRID_FOURIER_KERNELS(isa)                                                                           \
  namespace isa {                                                                                                  \
  /* The density, at least `least`; returns its maximum. */                                                        \
  float fourier_density(const FourierModes&, float least, float* scratch, float* density);                         \
  /* The derivatives of L with respect to each atom's weight and to its phases along h, k and l: `atoms` [][4]. */ \
  FourierGradient fourier_gradient(const FourierModes&, const Strides&, float* scratch, const float* grad,         \
                                   float* atoms);                                                                  \
  }
CRYSTALGRID_FOURIER_KERNELS(baseline)
CRYSTALGRID_FOURIER_KERNELS(avx2)
CRYSTALGRID_FOURIER_KERNELS(avx512)
#undef CRYSTALGRID_FOURIER_KERNELS

}  // namespace crystalgrid
