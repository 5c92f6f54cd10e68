// Cubes as text: frames of extended XYZ.
#pragma once

#include <cstdint>
#include <string>

#include "crystalgrid/atoms.hpp"
#include "metadata.hpp"

namespace crystalgrid {

/// The origin of a library's structures, for the comments in its files.
struct FrameSource {
  const Metadata& model;
  std::int64_t seed;
  bool from_file;  ///< latent vectors come from a file, and the seed says nothing
};

/// Return a frame of extended XYZ with the atoms of cube b of `atoms`, which is structure `index` of its library.
std::string xyz_frame(const Atoms& atoms, std::int64_t b, std::int64_t index, const FrameSource& source);

}  // namespace crystalgrid
