// What the kernels of each instruction set take to sum one cube's density over waves: plain arrays, in single
// precision.
//
// Waves are numbered by (h, k, l) along the reciprocal vectors u*, v*, w*, and the cube's axes are named so that
// v* lies along Y, u* in the plane of X and Y: the wave's factor along Z depends on l alone, that along X on l and h.
// Of each pair of opposite waves one is summed, twice.
#pragma once

namespace crystalgrid {

/// Voxels are worked in groups of this many, so rows of the tables are whole groups.
constexpr int kWaveGroup = 16;
/// Waves of a row are worked in groups of this many.
constexpr int kWaveLanes = 8;

/// e^(imθ) of several angles θ: [m][re, im][pitch], of which `zeroth` is m = 0.
struct Powers {
  const float* zeroth;
  int pitch;
};

/// The waves of one l and one h: k from `first`, `count` of them.
struct WaveRow {
  int l, h, first, count;
  float gx, gz;       ///< components of the wave vector, 1/Å
  float gy, gy_step;  ///< the third: gy + k·gy_step
};

struct KernelWaves {
  int n;       ///< voxels along an axis, a group of them or more
  int pitch;   ///< the same in whole groups
  int layers;  ///< l from 0 to layers - 1
  int rows;    ///< by l, then by h; in the first l = h = 0, and k starts at 0
  int widest;  ///< most waves of a row, in whole groups
  const WaveRow* row;
  const int* first_row;                 ///< [layers + 1] of each l
  Powers x_h, x_l, y_h, y_k, y_l, z_l;  ///< of the voxels
  int atoms;                            ///< in whole groups; those beyond the last weigh nothing
  const float* weight;                  ///< [atoms]
  Powers atom_h, atom_l;                ///< of the atoms, e^(-2πim f)
  const float* atom_k;                  ///< the same by atom, [atom][re, im][k_pitch], from k = 0 of the first
  int k_low, k_pitch;                   ///< the least k that occurs; room for a whole group from any that does
  const float* at[3];                   ///< [pitch] X, Y and Z of the voxels, Å from the crystal's origin
  float weight_of_all, log2_width;      ///< a wave weighs weight_of_all · 2^(log2_width · g²): 2/volume and -½σ² log2 e
};

/// Where the voxels of a cube lie: element (X, Y, Z) at X·x + Y·y + Z·z.
struct Strides {
  long x, y, z;
};

/// Floats that the kernels need as scratch.
inline long wave_scratch_size(const KernelWaves& w) {
  const long row = 2L * w.pitch, tile = 4L * w.pitch;
  return 2L * (w.atoms + w.widest) + (2L * w.rows + w.layers) * row + 2 * w.layers * tile + 2 * kWaveGroup;
}

/// What the voxels' derivatives g give, L being Σ g · density.
struct WaveGradient {
  double total;          ///< L itself
  double stretch[3][3];  ///< Σ over waves of wave vector component [i] times the derivative of L with respect to [j]
};

constexpr int wave_columns(const KernelWaves& w) { return (4 * w.layers + 5) / 6 * 6; }

inline long wave_gradient_scratch_size(const KernelWaves& w) {
  const long columns = wave_columns(w);
  return w.n * columns * (w.pitch + 1) + (w.n + 12L) * w.pitch + 2L * w.atoms + 6L * w.widest +
         6L * w.atoms * w.k_pitch + kWaveGroup;
}

#define CRYSTALGRID_WAVE_KERNELS(isa)                                                                              \
  namespace isa {                                                                                                  \
  /* The density, at least `least`; returns its maximum. */                                                        \
  float wave_density(const KernelWaves&, float least, float* scratch, float* density);                             \
  /* The derivatives of L with respect to each atom's weight and to its phases along h, k and l: `atoms` [][4]. */ \
  WaveGradient wave_gradient(const KernelWaves&, const Strides&, float* scratch, const float* grad, float* atoms); \
  }
CRYSTALGRID_WAVE_KERNELS(baseline)
CRYSTALGRID_WAVE_KERNELS(avx2)
CRYSTALGRID_WAVE_KERNELS(avx512)
#undef CRYSTALGRID_WAVE_KERNELS

}  // namespace crystalgrid
