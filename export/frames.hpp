// Structures as text.
#pragma once

#include <cstdint>
#include <string>

#include "crystalgrid/atoms.hpp"
#include "metadata.hpp"

namespace crystalgrid {

/// Whose structure it is.
struct Origin {
  const Metadata& model;
  std::int64_t seed;
  bool from_file;  ///< its latent vector was given, and the seed says nothing
};

/// One frame of extended XYZ: the atoms of cube b of `atoms`, which is structure `index` of its library.
std::string xyz_frame(const Atoms& atoms, std::int64_t b, std::int64_t index, const Origin& origin);

/// The same as a data block of a CIF, the cube as a cell without symmetry; empty where there are no atoms, of which CIF
/// readers make nothing.
std::string cif_block(const Atoms& atoms, std::int64_t b, std::int64_t index, const Origin& origin);

}  // namespace crystalgrid
