#include "cube_records.hpp"

#include "densities.hpp"
#include "filters.hpp"

namespace crystalgrid {

Layout cube_layout(const Options& options, const Grid& grid) {
  Layout layout{.noun = "structures",
                .files = {{.name = "samples.xyz"}},
                .folder = "",
                .counts = {{"without_atoms", "without atoms"}},
                .removals = filter_removals()};
  if (options.save_density) add_density_files(layout, grid);
  return layout;
}

Records cube_records(const Options& options, const FrameSource& source, const Atoms& atoms, const float* density,
                     std::int64_t first, std::int64_t count) {
  const Grid& grid = source.model.grid;
  Records records(count, options.save_density ? 3 : 1);
  for (std::int64_t b = 0; b < count; ++b) {
    if (const char* filter = failed_filter(options.filters, measure_cube(atoms, b, grid))) {
      ++records.removed[filter];
      continue;
    }
    ++records.kept;
    records.counts["without_atoms"] += atoms.offsets[b] == atoms.offsets[b + 1];
    records.appended[0] += xyz_frame(atoms, b, first + b, source);
    if (options.save_density) append_density(records, 1, density + b * grid.voxels(), grid, first + b);
  }
  return records;
}

}  // namespace crystalgrid
