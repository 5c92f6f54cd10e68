// Density: Eq. (1), the sum of one Gaussian per atom, on a cube of voxels.
#pragma once

#include <cstdint>

#include "crystalgrid/crystals.hpp"
#include "crystalgrid/grid.hpp"

namespace crystalgrid {

/// Instruction sets of the CPU kernels. `automatic` takes the best that the machine has.
enum class Isa { automatic, baseline, avx2, avx512 };

struct DensityOptions {
  double accuracy = 1e-5;    ///< largest error relative to the cube's maximum, from which the cutoff follows
  double cutoff = 0;         ///< Å; images farther than this from a voxel may be left out; 0: from the accuracy
  int threads = 0;           ///< 0: all cores; the result does not depend on it
  Isa isa = Isa::automatic;  ///< forced in tests; one the machine lacks throws std::invalid_argument
};

/// M of Eq. (1) in 1/Å³: `density` [B][n][n][n] from the atoms' `weights` [N] (their atomic numbers, in the paper).
/// `cutoffs` [B] receives the distance in Å that each cube was summed to; infinity where it was summed over waves.
void voxelize(const Crystals& crystals, const double* weights, const Cubes& cubes, const Grid& grid,
              const DensityOptions& options, float* density, double* cutoffs);
void voxelize(const Crystals& crystals, const double* weights, const Cubes& cubes, const Grid& grid,
              const DensityOptions& options, double* density, double* cutoffs);

/// Derivatives of a scalar whose derivative with respect to each voxel is `grad_density` [B][n][n][n]:
/// `grad_frac_coords` [N][3], `grad_weights` [N] and `grad_lattice` [B][3][3], the last at fixed fractional
/// coordinates. `cutoffs` are those that `voxelize` gave; of the options, threads and isa count here.
void voxelize_backward(const Crystals& crystals, const double* weights, const Cubes& cubes, const Grid& grid,
                       const DensityOptions& options, const double* cutoffs, const float* grad_density,
                       double* grad_frac_coords, double* grad_weights, double* grad_lattice);
void voxelize_backward(const Crystals& crystals, const double* weights, const Cubes& cubes, const Grid& grid,
                       const DensityOptions& options, const double* cutoffs, const double* grad_density,
                       double* grad_frac_coords, double* grad_weights, double* grad_lattice);

}  // namespace crystalgrid
