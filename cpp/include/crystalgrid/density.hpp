// Density: Eq. (1), the sum of one Gaussian per atom, on a cube of voxels.
#pragma once

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

/// The crystals, weights, cubes and grid of a batch of densities.
struct DensityBatch {
  Crystals crystals;
  const double* weights = nullptr;  ///< [N]: the atomic numbers, in the paper
  Cubes cubes;
  Grid grid;
};

/// Derivatives by what a batch of densities is made of; those by the lattice are at fixed fractional coordinates.
struct DensityGradients {
  double* frac_coords;  ///< [N][3]
  double* weights;      ///< [N]
  double* lattice;      ///< [B][3][3]
};

/// M of Eq. (1) in 1/Å³: `density` [B][n][n][n]. `cutoffs` [B] receives the distance in Å that each cube was summed to;
/// infinity if it was summed as a Fourier series.
void voxelize(const DensityBatch& batch, const DensityOptions& options, float* density, double* cutoffs);
void voxelize(const DensityBatch& batch, const DensityOptions& options, double* density, double* cutoffs);

/// Derivatives of a scalar whose derivative by each voxel is `grad_density` [B][n][n][n]. `cutoffs` are those that
/// `voxelize` gave; of the options, threads and isa count here.
void voxelize_backward(const DensityBatch& batch, const DensityOptions& options, const double* cutoffs,
                       const float* grad_density, const DensityGradients& gradients);
void voxelize_backward(const DensityBatch& batch, const DensityOptions& options, const double* cutoffs,
                       const double* grad_density, const DensityGradients& gradients);

}  // namespace crystalgrid
