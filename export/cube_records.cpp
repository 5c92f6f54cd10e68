#include "cube_records.hpp"

#include "densities.hpp"
#include "filters.hpp"

namespace crystalgrid {

Layout cube_layout(const Options& options, const Grid& grid) {
  Layout layout;
  layout.noun = "structures";
  layout.files = {{.name = "samples.xyz"}};
  layout.counts = {{"without_atoms", "without atoms"}};
  layout.suspicious = {"without_atoms",
                       "the model has learned too little, or is drawn from far from what it learned; "
                       "train it longer, or sample a released one"};
  layout.removals = filter_removals();
  if (options.save_density) add_density_files(layout, grid);
  return layout;
}

Records cube_records(const Options& options, const FrameSource& source, const Atoms& atoms, const float* density,
                     std::int64_t first, std::int64_t count) {
  const Grid& grid = source.model.grid;
  Records records{count, {}, {}};
  for (std::int64_t b = 0; b < count; ++b) {
    if (const char* filter = failed_filter(options.filters, measure_cube(atoms, b, grid))) {
      ++records.removed[filter];
      continue;
    }
    Record& record = records.kept.emplace_back();
    record.index = first + b;
    if (atoms.offsets[b] == atoms.offsets[b + 1]) record.counted = {"without_atoms"};
    record.appended = {xyz_frame(atoms, b, record.index, source)};
    if (options.save_density) append_density(record, density + b * grid.voxels(), grid);
  }
  return records;
}

}  // namespace crystalgrid
