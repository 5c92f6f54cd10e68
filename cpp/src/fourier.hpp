// The density of a periodic crystal as its Fourier series, in which a Gaussian falls off as fast as in space. A cell of
// V Å³ has about 2.5 V modes that matter, against V/15 atoms with a sphere of images each: where the lattice lets modes
// be summed axis by axis, the series is by far the faster way.
#pragma once

#include <vector>

#include "crystalgrid/cutoff.hpp"
#include "crystalgrid/grid.hpp"
#include "crystalgrid/lattice.hpp"
#include "fourier_kernel.hpp"

namespace crystalgrid {

/// The reach of the sums: over images in space, and over modes in reciprocal space.
struct Reach {
  double images;  ///< Å
  double modes;   ///< 1/Å
};

/// Return the reach for an error of `accuracy` relative to the density's maximum. A Gaussian's modes beyond x/σ hold
/// the same share of its peak as its tail beyond x·σ does of its integral.
Reach reach_of(double accuracy, double sigma);

/// The modes of one cube, and the memory that a thread keeps from cube to cube.
class FourierSeries {
 public:
  /// Choose the modes within reach of a crystal with `atoms` atoms in the cell. Returns false if they cannot be summed
  /// axis by axis, or if the images within reach are less work.
  bool choose(const CubeFrame& frame, int atoms, const Grid& grid, const Reach& reach);

  /// Return the tables of the chosen modes for these atoms; they are valid until the next call.
  FourierModes tables(const double* frac_coords, const double* weights);

  /// Return the distance in memory between neighbours along the kernel's axes X, Y and Z.
  Strides strides() const;

  /// Convert the kernel's derivatives to those of each atom's fractional coordinates [3] and weight, and of the lattice
  /// vectors in the cube's frame at fixed fractional coordinates.
  void chain(const FourierGradient& gradient, const float* atoms, const double* weights, double* frac_coords,
             double* atom_weights, Vec3 lattice[3]) const;

  std::vector<float> scratch;

 private:
  bool find_axes(const CubeFrame& frame);
  void set_basis(const int* u, const int* v, const int* w);
  void list_rows(double reach);
  double multiply_adds() const;
  Powers voxel_powers(int axis, double component, int low, int high);
  void atom_bases(const double* frac_coords, int vector);
  Powers powers(int pitch, int low, int high);

  Grid grid_;
  int atoms_ = 0;
  int basis_[3][3], to_basis_[3][3];  // u, v, w in lattice vectors; the coordinates along them from fractional ones
  int axis_[3];                       // which of the cube's axes are X, Y, Z
  double u_[3], v_[3], w_[3], offset_[3], volume_;  // reciprocal vectors and the crystal's origin along X, Y, Z
  std::vector<ModeRow> rows_;
  std::vector<int> first_row_;
  int h_low_, h_high_, k_low_, k_high_;
  std::vector<double> re_, im_, power_re_, power_im_;
  std::vector<float> tables_;
  std::size_t used_ = 0;
};

}  // namespace crystalgrid
