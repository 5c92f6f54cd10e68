// Species labels: which atom a voxel belongs to (section 3.1, the matrix S).
#pragma once

#include <cstdint>

#include "crystalgrid/crystals.hpp"
#include "crystalgrid/grid.hpp"

namespace crystalgrid {

struct SpeciesOptions {
  double radius = 0.5;  ///< Å; a voxel is labelled by the nearest atom at most this far from its centre
  int threads = 0;      ///< 0: all cores; the result does not depend on it
};

/// Write each voxel's atomic number, 0 where no atom is within the radius. Atoms outside the cube label voxels inside.
/// Among atoms equally near, the one with the smaller atomic number wins.
/// `numbers` [N] are Z from 1 to 255, `species` is [B][n][n][n].
void label_species(const Crystals& crystals, const std::int64_t* numbers, const Cubes& cubes, const Grid& grid,
                   const SpeciesOptions& options, std::uint8_t* species);

}  // namespace crystalgrid
