// The densities of a library, and the index of each, as NumPy files.
#pragma once

#include <cstdint>

#include "crystalgrid/grid.hpp"
#include "records.hpp"

namespace crystalgrid {

/// Add density.npy and index.npy to the files of a library.
void add_density_files(Layout& layout, const Grid& grid);

/// Append what a record with density [n][n][n] adds to these two files, the last of the layout.
void append_density(Record& record, const float* density, const Grid& grid);

}  // namespace crystalgrid
