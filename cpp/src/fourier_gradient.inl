// The gradient of one cube that was summed over modes: the transposed sums, from voxels to modes and from modes to
// atoms.
#include "fourier_density.inl"

namespace crystalgrid {
namespace {

/// Factors along Z, by voxel: for each layer re, im and both times Z, the columns of a matrix [Z][columns].
inline void fill_columns(const FourierModes& w, float* factors) {
  const long columns = fourier_columns(w);
  for (int l = 0; l < w.layers; ++l) {
    const float* of_l = power(w.z_l, l);
    for (int z = 0; z < w.n; ++z) {
      float* out = factors + z * columns + 4 * l;
      out[0] = of_l[z], out[1] = of_l[z + w.pitch];
      out[2] = w.at[2][z] * out[0], out[3] = w.at[2][z] * out[1];
    }
  }
}

/// One plane of the voxels' derivatives with Y along rows: [Z][pitch].
inline void transpose_plane(const FourierModes& w, const Strides& stride, const float* grad, float* plane) {
#ifdef __SSE__
  constexpr int kSide = 4;
  if (stride.z == 1) {
    for (int tile_y = 0; tile_y < w.n; tile_y += kSide)
      for (int tile_z = 0; tile_z < w.n; tile_z += kSide) {
        const long y = at_most(tile_y, w.n - kSide), z = at_most(tile_z, w.n - kSide);
        __m128 rows[kSide];
        for (int i = 0; i < kSide; ++i) rows[i] = _mm_loadu_ps(grad + (y + i) * stride.y + z);
        _MM_TRANSPOSE4_PS(rows[0], rows[1], rows[2], rows[3]);
        for (int i = 0; i < kSide; ++i) _mm_storeu_ps(plane + (z + i) * w.pitch + y, rows[i]);
      }
    return;
  }
#endif
  for (int z = 0; z < w.n; ++z)
    for (int y = 0; y < w.n; ++y) plane[long(z) * w.pitch + y] = grad[y * stride.y + z * stride.z];
}

/// The transpose of `sum_over_l` for one plane: [columns][pitch] along Y. `plane` [Z][pitch] is scratch.
inline void gather_over_z(const FourierModes& w, const Strides& stride, const float* grad, const float* factors,
                          float* plane, float* gathered) {
  transpose_plane(w, stride, grad, plane);
  const long columns = fourier_columns(w);
  for (int column = 0; column < columns; column += kTileY)
    for (int y = 0; y < w.pitch; y += kVoxelGroup) {
      const Group group = group_at(y);
      Lanes rows[kTileY][kGroup];
      for (auto& row : rows)
        for (Lanes& sum : row) sum = Lanes{};
      const float *a = factors + column, *b = plane;
      for (int z = 0; z < w.n; ++z, a += columns, b += w.pitch) {
        Lanes lanes[kGroup];
        for (int v = 0; v < kGroup; ++v) lanes[v] = load_wide(b + group.at[v]);
        for (int i = 0; i < kTileY; ++i)
          for (int v = 0; v < kGroup; ++v) rows[i][v] += a[i] * lanes[v];
      }
      for (int i = 0; i < kTileY; ++i)
        for (int v = 0; v < kGroup; ++v) store(gathered + (column + i) * long(w.pitch) + group.at[v], rows[i][v]);
    }
}

/// A row's part of what was gathered, summed over X, for one vector along Y: by itself, times X, and times Z.
struct Gathered {
  Complex one, x, z;
};

inline Gathered gather_over_x(const FourierModes& w, const float* factors, const float* gathered, long step, int y) {
  Gathered sum{};
  for (int x = 0; x < w.n; ++x, gathered += step) {
    const Complex one = load_complex(gathered + y, w.pitch), z = load_complex(gathered + 2L * w.pitch + y, w.pitch);
    const float re = factors[x], im = factors[x + w.pitch], x_re = w.at[0][x] * re, x_im = w.at[0][x] * im;
    sum.one.re += re * one.re, sum.one.im += re * one.im;
    sum.x.re += x_re * one.re, sum.x.im += x_re * one.im;
    sum.z.re += re * z.re, sum.z.im += re * z.im;
    sum.one.re -= im * one.im, sum.one.im += im * one.re;
    sum.x.re -= x_im * one.im, sum.x.im += x_im * one.re;
    sum.z.re -= im * z.im, sum.z.im += im * z.re;
  }
  return sum;
}

inline float sum_of(Lanes v) {
  float sum = 0;
  for (int lane = 0; lane < kLanes; ++lane) sum += v[lane];
  return sum;
}

/// Imaginary part of a product.
inline Lanes imaginary(Complex a, Complex b) { return a.re * b.im + a.im * b.re; }

/// The rows' contributions to the stretch, by component of the reciprocal vector and of the position, before the lanes
/// are added up.
struct StretchLanes {
  Lanes sums[3][3];
};

/// Take a row's sums over X to its modes, [2][widest], and add to the stretch what the change of their phases gives.
/// `sums` are those of `sum_over_k`, of the row's modes and of their derivatives along Y.
inline void gather_over_y(const FourierModes& w, const ModeRow& row, const float* factors, const float* gathered,
                          const float* sums, float* along_y, float* modes, StretchLanes& stretch) {
  const long step = long(fourier_columns(w)) * w.pitch;
  const float *h = power(w.y_h, row.h), *l = power(w.y_l, row.l);
  for (int y = 0; y < w.pitch; y += kLanes) {
    const Gathered at = gather_over_x(w, factors, gathered, step, y);
    const Complex turn = load_complex(h + y, w.pitch) * load_complex(l + y, w.pitch);
    store_complex(along_y + y, w.pitch, at.one * turn);
    const Complex mode = load_complex(sums + y, w.pitch), slope = load_complex(sums + 2L * w.pitch + y, w.pitch);
    const Lanes place = load_wide(w.at[1] + y);
    const Lanes x = imaginary(mode, at.x), one = imaginary(mode, at.one) * place, z = imaginary(mode, at.z);
    const Lanes all[3] = {x, one, z};
    const Lanes slopes[3] = {imaginary(slope, at.x), imaginary(slope, at.one) * place, imaginary(slope, at.z)};
    for (int j = 0; j < 3; ++j) {
      stretch.sums[0][j] -= row.gx * all[j];
      stretch.sums[1][j] -= slopes[j];
      stretch.sums[2][j] -= row.gz * all[j];
    }
  }
  const float* k = power(w.y_k, row.first);
  for (int i = 0; i < row.count; ++i, k += 2L * w.pitch) {
    Complex sum{};
    for (int y = 0; y < w.pitch; y += kLanes) {
      const Complex product = load_complex(k + y, w.pitch) * load_complex(along_y + y, w.pitch);
      sum.re += product.re;
      sum.im += product.im;
    }
    modes[i] = sum_of(sum.re);
    modes[i + w.widest] = sum_of(sum.im);
  }
}

/// Add to the stretch what the change of a row's weights gives, and to L.
inline void add_weights(const FourierModes& w, const ModeRow& row, const float* amplitudes, const float* modes,
                        FourierGradient& gradient) {
  double one = 0, y = 0, yy = 0;
  for (int k = 0; k < row.count; ++k) {
    const double part = amplitudes[k] * modes[k] - amplitudes[k + w.widest] * modes[k + w.widest];
    const double gy = row.gy + (row.first + k) * row.gy_step;
    one += part, y += gy * part, yy += gy * gy * part;
  }
  const double slope = 2 * 0.69314718055994531 * w.log2_width, x = row.gx, z = row.gz;
  const double added[3][3] = {{x * x * one, x * y, x * z * one}, {x * y, yy, z * y}, {x * z * one, z * y, z * z * one}};
  gradient.total += one;
  for (int i = 0; i < 3; ++i)
    for (int j = 0; j < 3; ++j) gradient.stretch[i][j] += slope * added[i][j];
}

/// Add a row's modes to what each atom gathers by k: by itself, times h, and times l; [atom][3][2][k_pitch].
inline void scatter_to_atoms(const FourierModes& w, const ModeRow& row, const float* phases, const float* modes,
                             float* by_k) {
  for (int k = 0; k < row.count; k += Simd<float>::kLanes) {
    const Vector<float> weight = weights_from(w, row, k);
    const Vector<float> re = weight * load(modes + k), im = weight * load(modes + k + w.widest);
    float* const out = by_k + row.first - w.k_low + k;
    for (int j = 0; j < w.atoms; ++j) {
      const float phase_re = phases[j], phase_im = phases[j + w.atoms];
      const Vector<float> sum_re = phase_re * re - phase_im * im, sum_im = phase_re * im + phase_im * re;
      const float times[3] = {1, static_cast<float>(row.h), static_cast<float>(row.l)};
      for (int i = 0; i < 3; ++i) {
        float* sum = out + (6L * j + 2L * i) * w.k_pitch;
        store(sum, load(sum) + times[i] * sum_re);
        store(sum + w.k_pitch, load(sum + w.k_pitch) + times[i] * sum_im);
      }
    }
  }
}

/// Take what each atom gathered by k to its derivatives.
inline void sum_atoms(const FourierModes& w, const float* by_k, float* atoms) {
  for (int j = 0; j < w.atoms; ++j, by_k += 6L * w.k_pitch, atoms += 4) {
    const float *re = w.atom_k + 2L * j * w.k_pitch + w.k_low, *im = re + w.k_pitch;
    const float *one = by_k, *h = by_k + 2L * w.k_pitch, *l = by_k + 4L * w.k_pitch;
    double sums[4] = {};
    for (int k = 0; k < w.k_pitch; ++k) {
      const float imaginary = re[k] * one[k + w.k_pitch] + im[k] * one[k];
      sums[0] += re[k] * one[k] - im[k] * one[k + w.k_pitch];
      sums[1] += re[k] * h[k + w.k_pitch] + im[k] * h[k];
      sums[2] += (k + w.k_low) * imaginary;
      sums[3] += re[k] * l[k + w.k_pitch] + im[k] * l[k];
    }
    for (int i = 0; i < 4; ++i) atoms[i] = static_cast<float>(sums[i]);
  }
}

}  // namespace

namespace CRYSTALGRID_ISA {

FourierGradient fourier_gradient(const FourierModes& w, const Strides& stride, float* scratch, const float* grad,
                                 float* atoms) {
  const long columns = fourier_columns(w), row_size = 2L * w.pitch;
  float *gathered = scratch, *layers = gathered + w.n * columns * w.pitch, *plane = layers + w.n * columns;
  float *factors = plane + long(w.n) * w.pitch, *sums = factors + row_size, *along_y = sums + 2 * row_size;
  float *phases = along_y + row_size, *amplitudes = phases + 2L * w.atoms, *slopes = amplitudes + 2L * w.widest;
  float *modes = slopes + 2L * w.widest, *by_k = modes + 2L * w.widest;
  for (float* p = layers; p < plane + long(w.n) * w.pitch; ++p) *p = 0;  // columns and rows beyond the last
  for (float* p = modes; p < by_k + 6L * w.atoms * w.k_pitch; ++p) *p = 0;
  fill_columns(w, layers);
  for (int x = 0; x < w.n; ++x)
    gather_over_z(w, stride, grad + x * stride.x, layers, plane, gathered + x * columns * w.pitch);

  FourierGradient gradient{};
  StretchLanes stretch{};
  for (int r = 0; r < w.rows; ++r) {
    const ModeRow& row = w.row[r];
    fill_phases(w, row, phases);
    fill_amplitudes(w, row, phases, amplitudes);
    for (int k = 0; k < row.count; ++k) {
      const float gy = row.gy + (row.first + k) * row.gy_step;
      slopes[k] = gy * amplitudes[k], slopes[k + w.widest] = gy * amplitudes[k + w.widest];
    }
    sum_over_k(w, row, amplitudes, sums);
    sum_over_k(w, row, slopes, sums + row_size);
    fill_factors(w, row, factors);
    gather_over_y(w, row, factors, gathered + 4L * row.l * w.pitch, sums, along_y, modes, stretch);
    add_weights(w, row, amplitudes, modes, gradient);
    scatter_to_atoms(w, row, phases, modes, by_k);
  }
  sum_atoms(w, by_k, atoms);
  for (int i = 0; i < 3; ++i)
    for (int j = 0; j < 3; ++j) gradient.stretch[i][j] += sum_of(stretch.sums[i][j]);
  return gradient;
}

}  // namespace CRYSTALGRID_ISA
}  // namespace crystalgrid
