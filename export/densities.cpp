#include "densities.hpp"

#include "npy.hpp"

namespace crystalgrid {

void add_density_files(Layout& layout, const Grid& grid) {
  layout.files.push_back({"density.npy", [n = std::int64_t{grid.n}](std::int64_t records) {
                            return npy_header("<f4", {records, n, n, n});
                          }});
  layout.files.push_back({"index.npy", [](std::int64_t records) { return npy_header("<i8", {records}); }});
}

void append_density(Records& records, std::size_t file, const float* density, const Grid& grid, std::int64_t index) {
  records.appended[file].append(reinterpret_cast<const char*>(density), grid.voxels() * sizeof(float));
  records.appended[file + 1].append(reinterpret_cast<const char*>(&index), sizeof index);
}

}  // namespace crystalgrid
