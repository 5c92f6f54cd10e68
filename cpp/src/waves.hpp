// The density of a periodic crystal as a sum of waves: its Fourier series, in which a Gaussian falls off as fast as in
// space. A cell of V Å³ has some 2.5 V waves that matter, and V/15 atoms with a sphere of images each, so that where
// the lattice lets waves be summed axis by axis they are the faster way by far.
#pragma once

#include <vector>

#include "crystalgrid/cutoff.hpp"
#include "crystalgrid/grid.hpp"
#include "crystalgrid/lattice.hpp"
#include "waves_kernel.hpp"

namespace crystalgrid {

/// How far the sum goes, in space and among the waves.
struct Reach {
  double images;  ///< Å
  double waves;   ///< 1/Å
};

/// For an error of `accuracy` relative to the density's maximum. A Gaussian's waves beyond x/σ hold the same share of
/// its peak as its tail beyond x·σ does of its integral.
Reach reach_of(double accuracy, double sigma);

/// The waves of one cube, and what a thread keeps from cube to cube.
class Waves {
 public:
  /// Choose the waves within reach of a crystal with `atoms` atoms in the cell. False where they cannot be summed axis
  /// by axis, or where the images within reach are less work.
  bool choose(const CubeFrame& frame, int atoms, const Grid& grid, const Reach& reach);

  /// The chosen waves, for these atoms.
  KernelWaves tables(const double* frac_coords, const double* weights);

  /// Where the kernel's axes X, Y, Z lie among the cube's, as the distance between neighbours in memory.
  Strides strides() const;

  /// From the kernel's derivatives to those of each atom's fractional coordinates [3] and weight, and of the lattice
  /// vectors in the cube's frame at fixed fractional coordinates.
  void chain(const WaveGradient& gradient, const float* atoms, const double* weights, double* frac_coords,
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
  std::vector<WaveRow> rows_;
  std::vector<int> first_row_;
  int h_low_, h_high_, k_low_, k_high_;
  std::vector<double> re_, im_, power_re_, power_im_;
  std::vector<float> tables_;
  std::size_t used_ = 0;
};

}  // namespace crystalgrid
