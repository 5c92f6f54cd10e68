#include "densities.hpp"

#include "npy.hpp"

namespace crystalgrid {

void add_density_files(Layout& layout, const Grid& grid) {
  layout.files.push_back({"density.npy", [n = std::int64_t{grid.n}](std::int64_t records) {
                            return npy_header("<f4", {records, n, n, n});
                          }});
  layout.files.push_back({"index.npy", [](std::int64_t records) { return npy_header("<i8", {records}); }});
}

void append_density(Record& record, const float* density, const Grid& grid) {
  record.appended.emplace_back(reinterpret_cast<const char*>(density), grid.voxels() * sizeof(float));
  record.appended.emplace_back(reinterpret_cast<const char*>(&record.index), sizeof record.index);
}

}  // namespace crystalgrid
