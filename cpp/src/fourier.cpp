#include "fourier.hpp"

#include <algorithm>
#include <cmath>
#include <numbers>

namespace crystalgrid {
namespace {

constexpr double kTwoPi = 2 * std::numbers::pi;
constexpr int kOrders[6][3] = {{0, 1, 2}, {0, 2, 1}, {1, 0, 2}, {1, 2, 0}, {2, 0, 1}, {2, 1, 0}};

/// Short vectors of a lattice, of each pair of opposite ones one; its own three first.
constexpr int kVectors[13][3] = {{1, 0, 0}, {0, 1, 0},  {0, 0, 1}, {1, 1, 0},  {1, -1, 0}, {1, 0, 1},  {1, 0, -1},
                                 {0, 1, 1}, {0, 1, -1}, {1, 1, 1}, {1, 1, -1}, {1, -1, 1}, {1, -1, -1}};

int determinant(const int* u, const int* v, const int* w) {
  return u[0] * (v[1] * w[2] - v[2] * w[1]) + u[1] * (v[2] * w[0] - v[0] * w[2]) + u[2] * (v[0] * w[1] - v[1] * w[0]);
}

constexpr int whole_groups(int count, int group) { return (count + group - 1) / group * group; }

/// Whole numbers m with |offset + m·step| <= reach.
Interval steps_within(double offset, double step, double reach) {
  const double middle = -offset / step, half = reach / std::fabs(step);
  return {static_cast<int>(std::ceil(middle - half)), static_cast<int>(std::floor(middle + half))};
}

struct Matrix {
  double row[3][3];
};

Matrix rows_of(Vec3 a, Vec3 b, Vec3 c) { return {{{a.x, a.y, a.z}, {b.x, b.y, b.z}, {c.x, c.y, c.z}}}; }

}  // namespace

Reach reach_of(double accuracy, double sigma) {
  return {sigma * tail_radius(accuracy / 1.5), tail_radius(accuracy / 6) / sigma};
}

bool FourierSeries::find_axes(const CubeFrame& frame) {
  const Matrix lattice = rows_of(frame.a, frame.b, frame.c);
  const auto vanishes = [&](const int* vector, int axis) {
    const auto component = [&](int i) {
      return vector[0] * lattice.row[0][i] + vector[1] * lattice.row[1][i] + vector[2] * lattice.row[2][i];
    };
    return std::fabs(component(axis)) <= 1e-9 * std::hypot(component(0), component(1), component(2));
  };
  for (const auto& axes : kOrders)
    for (const auto& w : kVectors) {
      if (!vanishes(w, axes[0]) || !vanishes(w, axes[1])) continue;
      for (const auto& u : kVectors) {
        if (!vanishes(u, axes[1])) continue;
        for (int i = 0; i < 3; ++i) {
          const auto& v = kVectors[i];
          if (std::abs(determinant(u, v, w)) != 1) continue;
          std::copy_n(axes, 3, axis_);
          set_basis(u, v, w);
          return true;
        }
      }
    }
  return false;
}

void FourierSeries::set_basis(const int* u, const int* v, const int* w) {
  const int* rows[3] = {u, v, w};
  const int sign = determinant(u, v, w);  // ±1, so that the inverse is whole as well
  for (int i = 0; i < 3; ++i) {
    const int *next = rows[(i + 1) % 3], *last = rows[(i + 2) % 3];
    for (int j = 0; j < 3; ++j) {
      const int k = (j + 1) % 3, l = (j + 2) % 3;
      basis_[i][j] = rows[i][j];
      to_basis_[i][j] = sign * (next[k] * last[l] - next[l] * last[k]);
    }
  }
}

bool FourierSeries::choose(const CubeFrame& frame, int atoms, const Grid& grid, const Reach& reach) {
  if (grid.n < kVoxelGroup || !find_axes(frame)) return false;
  grid_ = grid;
  atoms_ = atoms;
  volume_ = std::fabs(dot(frame.a, cross(frame.b, frame.c)));
  const auto vector = [&](const int* f) { return 1.0 * f[0] * frame.a + 1.0 * f[1] * frame.b + 1.0 * f[2] * frame.c; };
  const CubeFrame basis{vector(basis_[0]), vector(basis_[1]), vector(basis_[2]), frame.offset};
  const Normals normal = normals(basis);
  const Matrix reciprocal = rows_of(normal.a, normal.b, normal.c);
  const double offset[3] = {frame.offset.x, frame.offset.y, frame.offset.z};
  for (int i = 0; i < 3; ++i) {
    u_[i] = kTwoPi * reciprocal.row[0][axis_[i]];
    v_[i] = kTwoPi * reciprocal.row[1][axis_[i]];
    w_[i] = kTwoPi * reciprocal.row[2][axis_[i]];
    offset_[i] = offset[axis_[i]];
  }
  const double sphere = 4.0 / 3 * std::numbers::pi, voxels = static_cast<double>(grid.voxels());
  const double window = std::pow(grid.length + 2 * reach.images, 3), density = atoms / volume_;
  // What is summed over images, counted as `multiply_adds` counts: bricks are summed whole, and tables hold 3n factors.
  const double images = density * (1.7 * voxels * sphere * std::pow(reach.images, 3) + 20.0 * grid.n * window);
  if (volume_ * sphere * std::pow(reach.modes / kTwoPi, 3) * grid.n > images) return false;  // too many to list
  const double most_l = reach.modes / std::fabs(w_[2]);
  const double most_h = (reach.modes + most_l * std::fabs(w_[0])) / std::fabs(u_[0]);
  const double most_k = (reach.modes + most_h * std::fabs(u_[1]) + most_l * std::fabs(w_[1])) / std::fabs(v_[1]);
  if (std::max(most_h, most_k) > 1000) return false;  // so oblique that tables of powers would be long
  list_rows(reach.modes);
  return multiply_adds() < images;
}

void FourierSeries::list_rows(double reach) {
  rows_.clear();
  first_row_.assign(1, 0);
  h_low_ = h_high_ = k_low_ = k_high_ = 0;
  const double along_z = std::fabs(w_[2]);
  for (int l = 0; l * along_z <= reach; ++l) {
    const double gz = l * w_[2], in_plane = std::max(0.0, reach * reach - gz * gz);
    const Interval h_range = steps_within(l * w_[0], u_[0], std::sqrt(in_plane));
    for (int h = l == 0 ? 0 : h_range.low; h <= h_range.high; ++h) {
      const double gx = h * u_[0] + l * w_[0], gy = h * u_[1] + l * w_[1];
      Interval k = steps_within(gy, v_[1], std::sqrt(std::max(0.0, in_plane - gx * gx)));
      if (l == 0 && h == 0) k.low = 0;
      if (k.low > k.high) continue;
      rows_.push_back({l, h, k.low, k.high - k.low + 1, static_cast<float>(gx), static_cast<float>(gz),
                       static_cast<float>(gy), static_cast<float>(v_[1])});
      h_low_ = std::min(h_low_, h), h_high_ = std::max(h_high_, h);
      k_low_ = std::min(k_low_, k.low), k_high_ = std::max(k_high_, k.high);
    }
    first_row_.push_back(static_cast<int>(rows_.size()));
  }
}

double FourierSeries::multiply_adds() const {
  const double n = grid_.n, pitch = whole_groups(grid_.n, kVoxelGroup), atoms = whole_groups(atoms_, kModeGroup);
  double modes = 0;
  for (const ModeRow& row : rows_) modes += row.count;
  const double layers = static_cast<double>(first_row_.size()) - 1, rows = static_cast<double>(rows_.size());
  return modes * (4 * pitch + 10 * atoms) + 4 * rows * n * pitch + (2 * layers - 1) * n * n * pitch;
}

Powers FourierSeries::powers(int pitch, int low, int high) {
  float* const zeroth = tables_.data() + used_ - 2L * low * pitch;  // low <= 0 <= high
  power_re_.assign(pitch, 1.0);
  power_im_.assign(pitch, 0.0);
  const auto store = [&](int m, double sign) {
    float* const power = zeroth + 2L * m * pitch;
    for (int i = 0; i < pitch; ++i) {
      power[i] = static_cast<float>(power_re_[i]);
      power[pitch + i] = static_cast<float>(sign * power_im_[i]);
    }
  };
  for (int m = 0; m <= std::max(-low, high); ++m) {
    if (m <= high) store(m, 1);
    if (m <= -low) store(-m, -1);
    for (int i = 0; i < pitch; ++i) {
      const double re = power_re_[i] * re_[i] - power_im_[i] * im_[i];
      power_im_[i] = power_re_[i] * im_[i] + power_im_[i] * re_[i];
      power_re_[i] = re;
    }
  }
  used_ += 2L * (high - low + 1) * pitch;
  return {zeroth, pitch};
}

Powers FourierSeries::voxel_powers(int axis, double component, int low, int high) {
  const int pitch = whole_groups(grid_.n, kVoxelGroup);
  const double first = component * (0.5 * grid_.spacing() - offset_[axis]), step = component * grid_.spacing();
  const double step_re = std::cos(step), step_im = std::sin(step);
  re_.resize(pitch);
  im_.resize(pitch);
  re_[0] = std::cos(first), im_[0] = std::sin(first);
  for (int i = 1; i < pitch; ++i) {
    re_[i] = re_[i - 1] * step_re - im_[i - 1] * step_im;
    im_[i] = re_[i - 1] * step_im + im_[i - 1] * step_re;
  }
  return powers(pitch, low, high);
}

void FourierSeries::atom_bases(const double* frac_coords, int vector) {
  const int* to_basis = to_basis_[vector];
  const int pitch = whole_groups(atoms_, kModeGroup);
  re_.assign(pitch, 1.0);
  im_.assign(pitch, 0.0);
  for (int j = 0; j < atoms_; ++j) {
    const double* f = frac_coords + 3 * j;
    const double angle = -kTwoPi * (f[0] * to_basis[0] + f[1] * to_basis[1] + f[2] * to_basis[2]);
    re_[j] = std::cos(angle), im_[j] = std::sin(angle);
  }
}

FourierModes FourierSeries::tables(const double* frac_coords, const double* weights) {
  const int pitch = whole_groups(grid_.n, kVoxelGroup), atoms = whole_groups(atoms_, kModeGroup);
  const int layers = static_cast<int>(first_row_.size()) - 1;
  const long h = h_high_ - h_low_ + 1, k = k_high_ - k_low_ + kModeGroup;
  used_ = 0;
  tables_.resize(std::max<std::size_t>(
      tables_.size(), (2 * (2 * h + k + 3 * layers) + 3) * pitch + (2 * (h + 2 * k + layers) + 1) * atoms));
  FourierModes w{};
  w.n = grid_.n, w.pitch = pitch, w.layers = layers, w.rows = static_cast<int>(rows_.size());
  for (const ModeRow& row : rows_) w.widest = std::max(w.widest, whole_groups(row.count, kModeGroup));
  w.row = rows_.data(), w.first_row = first_row_.data();
  w.x_h = voxel_powers(0, u_[0], h_low_, h_high_);
  w.x_l = voxel_powers(0, w_[0], 0, layers - 1);
  w.y_h = voxel_powers(1, u_[1], h_low_, h_high_);
  w.y_k = voxel_powers(1, v_[1], k_low_, k_high_);
  w.y_l = voxel_powers(1, w_[1], 0, layers - 1);
  w.z_l = voxel_powers(2, w_[2], 0, layers - 1);
  w.atoms = atoms;
  atom_bases(frac_coords, 0);
  w.atom_h = powers(atoms, h_low_, h_high_);
  atom_bases(frac_coords, 2);
  w.atom_l = powers(atoms, 0, layers - 1);
  atom_bases(frac_coords, 1);
  const Powers by_k = powers(atoms, k_low_, k_low_ + k - 1);
  w.k_low = k_low_, w.k_pitch = static_cast<int>(k);
  float* atom_k = tables_.data() + used_;
  for (int j = 0; j < atoms; ++j)
    for (int part = 0; part < 2; ++part)
      for (long i = 0; i < k; ++i) atom_k[(2 * j + part) * k + i] = by_k.zeroth[(2 * (i + k_low_) + part) * atoms + j];
  w.atom_k = atom_k - k_low_;  // k_low_ <= 0
  used_ += 2 * atoms * k;
  float* weight = tables_.data() + used_;
  for (int j = 0; j < atoms; ++j) weight[j] = j < atoms_ ? static_cast<float>(weights[j]) : 0.0f;
  w.weight = weight;
  used_ += atoms;
  for (int axis = 0; axis < 3; ++axis, used_ += pitch) {
    float* at = tables_.data() + used_;
    for (int i = 0; i < pitch; ++i) at[i] = static_cast<float>((i + 0.5) * grid_.spacing() - offset_[axis]);
    w.at[axis] = at;
  }
  w.weight_of_all = static_cast<float>(2 / volume_);
  w.log2_width = static_cast<float>(-0.5 * std::numbers::log2e * grid_.sigma * grid_.sigma);
  scratch.resize(
      std::max<std::size_t>(scratch.size(), std::max(fourier_scratch_size(w), fourier_gradient_scratch_size(w))));
  return w;
}

void FourierSeries::chain(const FourierGradient& gradient, const float* atoms, const double* weights,
                          double* frac_coords, double* atom_weights, Vec3 lattice[3]) const {
  for (int j = 0; j < atoms_; ++j, frac_coords += 3) {
    atom_weights[j] = atoms[4 * j];
    std::fill_n(frac_coords, 3, 0.0);
    for (int i = 0; i < 3; ++i)
      for (int k = 0; k < 3; ++k) frac_coords[k] += kTwoPi * weights[j] * atoms[4 * j + 1 + i] * to_basis_[i][k];
  }
  // A change dA of the lattice turns a reciprocal vector G by -A⁻¹ dA G, and the volume V by V tr(A⁻¹ dA).
  const double* reciprocal[3] = {u_, v_, w_};
  std::fill_n(lattice, 3, Vec3{0, 0, 0});
  for (int i = 0; i < 3; ++i) {
    double slope[3];
    for (int x = 0; x < 3; ++x) {
      double sum = gradient.total * reciprocal[i][x];
      for (int y = 0; y < 3; ++y) sum += gradient.stretch[x][y] * reciprocal[i][y];
      slope[axis_[x]] = -sum / kTwoPi;
    }
    for (int k = 0; k < 3; ++k) lattice[k] = lattice[k] + 1.0 * basis_[i][k] * Vec3{slope[0], slope[1], slope[2]};
  }
}

Strides FourierSeries::strides() const {
  const long n = grid_.n, along[3] = {n * n, n, 1};
  return {along[axis_[0]], along[axis_[1]], along[axis_[2]]};
}

}  // namespace crystalgrid
