// The density of one cube as a sum of Fourier modes, for the instruction set that the including file is compiled for.
// See simd.hpp for what may not be used here.
//
// A mode is a product of three factors, one per axis. As the factor along Z depends on l alone and that along X on l
// and h alone, the sum is taken over k, then h, then l, each time as a product of small matrices: of complex numbers
// written out as two rows or columns.
#include "fourier_kernel.hpp"
#include "simd.hpp"

namespace crystalgrid {
namespace {

using Lanes = WideVector<float>;
constexpr int kLanes = Wide<float>::kLanes;
constexpr int kGroup = kVoxelGroup / kLanes;  // vectors of a group

/// The places in a row at which the vectors of a group begin.
struct Group {
  int at[kGroup];
};

inline Group group_at(int first) {
  Group group;
  for (int v = 0; v < kGroup; ++v) group.at[v] = first + v * kLanes;
  return group;
}

/// Return such a group within a row of n: vectors that would end after the row end with it, so that every store is a
/// whole vector.
inline Group group_within(int first, int n) {
  Group group = group_at(first);
  for (int& at : group.at)
    if (at > n - kLanes) at = n - kLanes;
  return group;
}

template <int kBytes>
struct ComplexVector {
  typename Simd<float, kBytes>::Vector re, im;
};

using Complex = ComplexVector<sizeof(Lanes)>;

template <int kBytes>
inline ComplexVector<kBytes> operator*(ComplexVector<kBytes> a, ComplexVector<kBytes> b) {
  return {a.re * b.re - a.im * b.im, a.re * b.im + a.im * b.re};
}

inline Complex load_complex(const float* re, long pitch) { return {load_wide(re), load_wide(re + pitch)}; }

inline void store_complex(float* re, long pitch, Complex z) {
  store(re, z.re);
  store(re + pitch, z.im);
}

inline const float* power(const Powers& powers, int m) { return powers.zeroth + 2L * m * powers.pitch; }

/// Complex numbers as their real parts and, `pitch` later, their imaginary parts; from one term of a sum to the next,
/// `step`.
struct Factors {
  const float* re;
  long pitch, step;
};

/// Sums of complex products, a group of voxels each.
template <int kRows>
struct ComplexTile {
  Complex rows[kRows][kGroup];
};

/// Σ_t a[t][row] · b[t][lane].
template <int kRows>
inline ComplexTile<kRows> multiply(const Factors& a, const Factors& b, int count, const Group& group) {
  ComplexTile<kRows> tile;
  for (auto& row : tile.rows)  // one by one: compilers would clear memory for the whole
    for (auto& sum : row) sum = {Lanes{}, Lanes{}};
  const float *at_a = a.re, *at_b = b.re;
  for (int t = 0; t < count; ++t, at_a += a.step, at_b += b.step)
    for (int v = 0; v < kGroup; ++v) {
      const Complex z = load_complex(at_b + group.at[v], b.pitch);
      for (int i = 0; i < kRows; ++i) {
        const float re = at_a[i], im = at_a[i + a.pitch];
        auto& sum = tile.rows[i][v];
        sum.re += re * z.re;
        sum.im += re * z.im;
        sum.re -= im * z.im;
        sum.im += im * z.re;
      }
    }
  return tile;
}

/// The atoms' phases for a row's l and h: [2][atoms].
inline void fill_phases(const FourierModes& w, const ModeRow& row, float* phases) {
  const float *h = power(w.atom_h, row.h), *l = power(w.atom_l, row.l);
  const long pitch = w.atoms;
  for (int j = 0; j < w.atoms; j += Simd<float>::kLanes) {
    const ComplexVector<kVectorBytes> of_h{load(h + j), load(h + j + pitch)}, of_l{load(l + j), load(l + j + pitch)};
    const ComplexVector<kVectorBytes> phase = of_h * of_l;
    store(phases + j, phase.re);
    store(phases + j + pitch, phase.im);
  }
}

/// Return the weights of a row's modes from its k-th on; those beyond the last mode are zero.
inline Vector<float> weights_from(const FourierModes& w, const ModeRow& row, int k) {
  constexpr int kStep = Simd<float>::kLanes;
  Vector<float> lanes;
  for (int lane = 0; lane < kStep; ++lane) lanes[lane] = k + lane;
  const Vector<float> gy = row.gy + (lanes + static_cast<float>(row.first)) * row.gy_step;
  Vector<float> weight = w.weight_of_all * exp2(w.log2_width * (row.gx * row.gx + row.gz * row.gz + gy * gy));
  if (row.l == 0 && row.h == 0 && k == 0) weight[0] *= 0.5f;  // the constant has no opposite
  return lanes < static_cast<float>(row.count) ? weight : Vector<float>{};
}

/// Amplitudes of a row's modes: [2][w.widest].
inline void fill_amplitudes(const FourierModes& w, const ModeRow& row, const float* phases, float* amplitudes) {
  for (int k = 0; k < row.count; k += Simd<float>::kLanes) {
    const float* const of_k = w.atom_k + row.first + k;
    Vector<float> rr{}, ii{}, ri{}, ir{};
    for (int j = 0; j < w.atoms; ++j) {
      const float* const of_atom = of_k + 2L * j * w.k_pitch;
      const Vector<float> re = load(of_atom), im = load(of_atom + w.k_pitch);
      const float phase_re = w.weight[j] * phases[j], phase_im = w.weight[j] * phases[j + w.atoms];
      rr += phase_re * re;
      ri += phase_re * im;
      ii += phase_im * im;
      ir += phase_im * re;
    }
    const Vector<float> weight = weights_from(w, row, k);
    store(amplitudes + k, weight * (rr - ii));
    store(amplitudes + k + w.widest, weight * (ri + ir));
  }
}

/// Σ over k of a row's modes along Y: [2][pitch].
inline void sum_over_k(const FourierModes& w, const ModeRow& row, const float* amplitudes, float* sums) {
  const Factors a{amplitudes, w.widest, 1}, b{power(w.y_k, row.first), w.pitch, 2L * w.pitch};
  const float *h = power(w.y_h, row.h), *l = power(w.y_l, row.l);
  for (int y = 0; y < w.pitch; y += kVoxelGroup) {
    const Group group = group_at(y);
    const auto tile = multiply<1>(a, b, row.count, group);
    for (int v = 0; v < kGroup; ++v) {
      const int at = group.at[v];
      store_complex(sums + at, w.pitch,
                    tile.rows[0][v] * (load_complex(h + at, w.pitch) * load_complex(l + at, w.pitch)));
    }
  }
}

/// A row's factors along X: [2][pitch].
inline void fill_factors(const FourierModes& w, const ModeRow& row, float* factors) {
  const float *h = power(w.x_h, row.h), *l = power(w.x_l, row.l);
  for (int x = 0; x < w.pitch; x += kLanes)
    store_complex(factors + x, w.pitch, load_complex(h + x, w.pitch) * load_complex(l + x, w.pitch));
}

/// Factors along Z that take a mode to its real part: rows -sin, cos of each layer. The first row is zero.
inline void fill_layers(const FourierModes& w, float* layers) {
  for (int l = 0; l < w.layers; ++l)
    for (int z = 0; z < w.pitch; z += kLanes) {
      const Complex factor = load_complex(power(w.z_l, l) + z, w.pitch);
      store_complex(layers + 2L * l * w.pitch + z, w.pitch, {-factor.im, factor.re});
    }
}

constexpr int kTileX = 3;                    // planes whose sums over h are taken at a time
constexpr int kTileY = kGroup == 4 ? 3 : 6;  // rows whose sums over l fit into the registers there are

/// The sums over h for the planes from x: columns [layers][im, re][kTileX][pitch].
inline void sum_over_h(const FourierModes& w, const float* factors, const float* sums, int x, float* columns) {
  for (int l = 0; l < w.layers; ++l) {
    const long first = 2L * w.first_row[l] * w.pitch;
    const Factors a{factors + first + x, w.pitch, 2L * w.pitch}, b{sums + first, w.pitch, 2L * w.pitch};
    for (int y = 0; y < w.pitch; y += kVoxelGroup) {
      const Group group = group_at(y);
      const auto tile = multiply<kTileX>(a, b, w.first_row[l + 1] - w.first_row[l], group);
      for (int i = 0; i < kTileX; ++i)
        for (int v = 0; v < kGroup; ++v) {
          float* im = columns + (2L * l * kTileX + i) * w.pitch + group.at[v];
          store(im, tile.rows[i][v].im);
          store(im + kTileX * w.pitch, tile.rows[i][v].re);
        }
    }
  }
}

/// The sum over l for one plane, not less than `least`. Returns the larger of `most` and what it wrote, lane by lane.
inline Lanes sum_over_l(const FourierModes& w, const float* columns, const float* layers, float least, Lanes most,
                        float* density) {
  const int n = w.n, terms = 2 * w.layers - 1;  // without the first, which is zero
  const long step = long(kTileX) * w.pitch;
  for (int tile = 0; tile < n; tile += kTileY) {
    const int y = at_most(tile, n - kTileY);  // as in `group_within`, the last tile ends with the plane
    for (int z = 0; z < n; z += kVoxelGroup) {
      const Group group = group_within(z, n);
      Lanes rows[kTileY][kGroup];
      for (auto& row : rows)
        for (Lanes& sum : row) sum = Lanes{};
      const float *a = columns + step + y, *b = layers + w.pitch;
      for (int t = 0; t < terms; ++t, a += step, b += w.pitch) {
        Lanes lanes[kGroup];
        for (int v = 0; v < kGroup; ++v) lanes[v] = load_wide(b + group.at[v]);
        for (int i = 0; i < kTileY; ++i)
          for (int v = 0; v < kGroup; ++v) rows[i][v] += a[i] * lanes[v];
      }
      for (int i = 0; i < kTileY; ++i)
        for (int v = 0; v < kGroup; ++v) {
          const Lanes row = larger(rows[i][v], broadcast_wide(least));
          most = larger(most, row);
          store(density + long(y + i) * n + group.at[v], row);
        }
    }
  }
  return most;
}

}  // namespace

namespace CRYSTALGRID_ISA {

float fourier_density(const FourierModes& w, float least, float* scratch, float* density) {
  const long row = 2L * w.pitch;
  float *phases = scratch, *amplitudes = phases + 2L * w.atoms, *sums = amplitudes + 2L * w.widest,
        *factors = sums + w.rows * row, *layers = factors + w.rows * row + kVoxelGroup,
        *columns = layers + w.layers * row;
  for (int r = 0; r < w.rows; ++r) {
    fill_phases(w, w.row[r], phases);
    fill_amplitudes(w, w.row[r], phases, amplitudes);
    sum_over_k(w, w.row[r], amplitudes, sums + r * row);
    fill_factors(w, w.row[r], factors + r * row);
  }
  fill_layers(w, layers);
  Lanes most = broadcast_wide(least);
  for (int x = 0; x < w.n; x += kTileX) {
    sum_over_h(w, factors, sums, x, columns);
    for (int i = 0; i < kTileX && x + i < w.n; ++i)
      most = sum_over_l(w, columns + long(i) * w.pitch, layers, least, most, density + long(x + i) * w.n * w.n);
  }
  float maximum = most[0];
  for (int lane = 1; lane < kLanes; ++lane) maximum = most[lane] > maximum ? most[lane] : maximum;
  return maximum;
}

}  // namespace CRYSTALGRID_ISA
}  // namespace crystalgrid
