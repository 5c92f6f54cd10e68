// The stages on a GPU: the functions of density.hpp, species.hpp and atoms.hpp, over addresses on the device.
//
// Everything is queued on the caller's stream and nothing waits for it. Scratch memory is the caller's. Results are the
// same bits on every run. A launch that fails throws std::runtime_error naming the kernel. Of the options, threads and
// isa do not count here.
#pragma once

#include <cstddef>
#include <cstdint>

#include "crystalgrid/atoms.hpp"
#include "crystalgrid/density.hpp"
#include "crystalgrid/species.hpp"

namespace crystalgrid::cuda {

/// The queue for work: a device by its number, and a cudaStream_t of that device.
struct Queue {
  int device;
  void* stream;
};

void voxelize(const DensityBatch& batch, const DensityOptions& options, const Queue& queue, float* density,
              double* cutoffs);
void voxelize(const DensityBatch& batch, const DensityOptions& options, const Queue& queue, double* density,
              double* cutoffs);

/// Doubles of `scratch` that the gradient of B cubes with N atoms in all takes.
std::int64_t voxelize_backward_scratch(std::int64_t batch, std::int64_t atoms, const Grid& grid);

void voxelize_backward(const DensityBatch& batch, const Queue& queue, const double* cutoffs, const float* grad_density,
                       double* scratch, const DensityGradients& gradients);
void voxelize_backward(const DensityBatch& batch, const Queue& queue, const double* cutoffs, const double* grad_density,
                       double* scratch, const DensityGradients& gradients);

void label_species(const Crystals& crystals, const std::int64_t* numbers, const Cubes& cubes, const Grid& grid,
                   const SpeciesOptions& options, const Queue& queue, std::uint8_t* species);

/// Finding atoms takes three calls, since the caller has to make room between them: fragments, atoms, and their values.
///
/// First: `root` [B][n][n][n] receives which fragment a voxel is of, and `fragments` [B] how many each cube has.
void find_fragments(const std::uint8_t* species, std::int64_t batch, const Grid& grid, const AtomsOptions& options,
                    const Queue& queue, std::int32_t* root, std::int64_t* fragments);

/// Bytes that one fragment takes as scratch, aligned to 8.
std::size_t fragment_bytes();

/// Second: fragments join into atoms; `atoms` [B] receives how many each cube has. Fragments of cube b are
/// fragment_offsets[b] to fragment_offsets[b+1] of `scratch`.
void join_fragments(const LabelledCubes& cubes, const Grid& grid, const AtomsOptions& options, const Queue& queue,
                    const std::int32_t* root, const std::int64_t* fragment_offsets, void* scratch, std::int64_t* atoms);

/// Third: the atoms of cube b are written to atom_offsets[b] and on; `positions` [N][3], `numbers` [N], `votes` [N].
void write_atoms(std::int64_t batch, const Grid& grid, const Queue& queue, const std::int64_t* fragment_offsets,
                 void* scratch, const std::int64_t* atom_offsets, double* positions, std::int64_t* numbers,
                 std::int64_t* votes);

}  // namespace crystalgrid::cuda
