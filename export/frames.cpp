#include "frames.hpp"

#include "elements.hpp"
#include "text.hpp"

namespace crystalgrid {
namespace {

/// The comment that names the seed, where structures were drawn from one.
std::string seed_of(const FrameSource& source) {
  return source.from_file ? "" : " seed=" + std::to_string(source.seed);
}

}  // namespace

std::string xyz_frame(const Atoms& atoms, std::int64_t b, std::int64_t index, const FrameSource& source) {
  const std::int64_t first = atoms.offsets[b], last = atoms.offsets[b + 1];
  const double length = source.model.grid.length;
  std::string frame;
  frame.reserve(256 + 40 * (last - first));
  append(frame,
         "%lld\nLattice=\"%.9g 0 0 0 %.9g 0 0 0 %.9g\" Properties=species:S:1:pos:R:3 pbc=\"F F F\" index=%lld%s "
         "mode=%s model=sha256:%s\n",
         static_cast<long long>(last - first), length, length, length, static_cast<long long>(index),
         seed_of(source).c_str(), source.model.mode.c_str(), source.model.identity.c_str());
  for (std::int64_t a = first; a < last; ++a) {
    const double* p = &atoms.positions[3 * a];
    append(frame, "%-2s %.6f %.6f %.6f\n", element(atoms.numbers[a]).symbol.c_str(), p[0], p[1], p[2]);
  }
  return frame;
}

}  // namespace crystalgrid
