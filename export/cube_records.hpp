// The records of a library of cubes: frames of atoms, and densities where they are asked for.
#pragma once

#include <cstdint>

#include "crystalgrid/atoms.hpp"
#include "frames.hpp"
#include "options.hpp"
#include "records.hpp"

namespace crystalgrid {

/// Return the files and counts of a library of cubes.
Layout cube_layout(const Options& options, const Grid& grid);

/// Return the records of cubes 0 to `count`, of which the first is structure `first` of the library. density:
/// [count][n³].
Records cube_records(const Options& options, const FrameSource& source, const Atoms& atoms, const float* density,
                     std::int64_t first, std::int64_t count);

}  // namespace crystalgrid
