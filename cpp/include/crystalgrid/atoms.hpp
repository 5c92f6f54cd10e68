// Atoms from labels: connected components, majority vote, density-weighted centre (section 4.2.2).
#pragma once

#include <cstdint>
#include <vector>

#include "crystalgrid/grid.hpp"

namespace crystalgrid {

struct AtomsOptions {
  int connectivity = 6;  ///< 6 (voxels that share a face) or 26 (also an edge or a corner)
  double radius = 0.5;   ///< Å; of the balls that the labels were made with
  int threads = 0;       ///< 0: all cores; the result does not depend on it
};

/// Voxels of B cubes, each array [B][n][n][n].
struct LabelledCubes {
  const std::uint8_t* species;
  const float* density;     ///< null: the same everywhere
  const float* confidence;  ///< how probable each label is, 0 to 1; null: all labels are certain
  std::int64_t batch;
};

/// Found atoms of B cubes; those of cube b are offsets[b] to offsets[b+1], in the order of their first voxels.
struct Atoms {
  std::vector<double> positions;      ///< [N][3] Å from the cube's corner
  std::vector<std::int64_t> numbers;  ///< [N] atomic numbers
  std::vector<std::int64_t> votes;    ///< [N] voxels that voted for the number
  std::vector<std::int64_t> offsets;  ///< [B+1]
};

/// Find the atoms in labelled voxels. In an atom's centre a voxel weighs its confidence times its density, of which at
/// most half the atom's mean counts: the slope within a ball is mostly a neighbour's tail, which would pull a light
/// atom towards a heavy one, while a voxel of little density is a wrong label. Where a ball ends a network is less sure
/// of the label, so that its confidence says where between two voxels that is. The voxels of a whole ball have their
/// centre within 0.21 radii of the atom at three voxels to the diameter, if all weigh alike.
///
/// Voxels of one label that touch form a fragment. If it has voxels for more than one ball (1.4 to 5.6 times a ball's)
/// and reaches farther than one does, it is several: the voxel farthest from its first one is an end, then, up to four,
/// each that is the farthest from all ends and more than 2.8 radii away; the voxels of the nearest end, of equals the
/// first, are a fragment of their own. So alike neighbours come apart, and what is larger stays whole.
///
/// Largest first, a fragment joins the nearest atom that it touches, if both are one ball (centres closer than 1.4
/// radii) or if it is too small to be a ball (under a quarter of its voxels); else it is an atom of its own. Small
/// fragments that touch only each other wait for one of them to join. The voxels of an atom vote for its number, of
/// equals the smaller wins. So a few wrong voxels in a ball are forgiven, and unlike neighbours stay apart however
/// close they are.
///
/// A ball that a face of the cube cuts (it ends there and is less deep than a ball) has its centre where the lines of
/// its voxels from the face to its far side put it, which may be outside the cube.
Atoms find_atoms(const LabelledCubes& cubes, const Grid& grid, const AtomsOptions& options);

}  // namespace crystalgrid
