// The densities of a library, and the index of each, as NumPy files.
#pragma once

#include <cstdint>

#include "crystalgrid/grid.hpp"
#include "records.hpp"

namespace crystalgrid {

/// Add density.npy and index.npy to the files of a library.
void add_density_files(Layout& layout, const Grid& grid);

/// Append density [n][n][n] of draw `index` to the two files, of which the first has this position in the layout.
void append_density(Records& records, std::size_t file, const float* density, const Grid& grid, std::int64_t index);

}  // namespace crystalgrid
