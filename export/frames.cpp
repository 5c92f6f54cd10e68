#include "frames.hpp"

#include <algorithm>
#include <cstdio>

#include "elements.hpp"

namespace crystalgrid {
namespace {

/// Append what printf would print.
template <class... Values>
void append(std::string& text, const char* format, Values... values) {
  const std::size_t before = text.size();
  const int size = std::snprintf(nullptr, 0, format, values...);
  text.resize(before + size + 1);  // snprintf ends with a zero byte, which is dropped below
  std::snprintf(text.data() + before, size + 1, format, values...);
  text.resize(before + size);
}

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
    append(frame, "%-2s %.6f %.6f %.6f\n", kSymbols.at(atoms.numbers[a]), p[0], p[1], p[2]);
  }
  return frame;
}

std::string cif_block(const Atoms& atoms, std::int64_t b, std::int64_t index, const FrameSource& source) {
  const std::int64_t first = atoms.offsets[b], last = atoms.offsets[b + 1];
  if (first == last) return "";
  const double length = source.model.grid.length;
  std::string block;
  block.reserve(512 + 50 * (last - first));
  append(block, "data_structure_%lld\n# index=%lld%s mode=%s model=sha256:%s\n", static_cast<long long>(index),
         static_cast<long long>(index), seed_of(source).c_str(), source.model.mode.c_str(),
         source.model.identity.c_str());
  for (const char* side : {"a", "b", "c"}) append(block, "_cell_length_%s %.9g\n", side, length);
  for (const char* angle : {"alpha", "beta", "gamma"}) append(block, "_cell_angle_%s 90\n", angle);
  block +=
      "_space_group_name_H-M_alt 'P 1'\n_space_group_IT_number 1\n"
      "loop_\n_space_group_symop_operation_xyz\n'x, y, z'\n"
      "loop_\n_atom_site_label\n_atom_site_type_symbol\n_atom_site_fract_x\n_atom_site_fract_y\n_atom_site_fract_z\n"
      "_atom_site_occupancy\n";
  for (std::int64_t a = first; a < last; ++a) {
    const double* p = &atoms.positions[3 * a];
    const char* symbol = kSymbols.at(atoms.numbers[a]);
    // Readers would wrap an atom outside the cell to its other side, so it is put just inside the face: exactly on the
    // face it could coincide with an atom at the opposite one.
    const auto inside = [&](int axis) { return std::clamp(p[axis] / length, 0.001, 0.999); };
    const long long number = a - first + 1;
    append(block, "%s%lld %s %.7f %.7f %.7f 1\n", symbol, number, symbol, inside(0), inside(1), inside(2));
  }
  return block + "\n";
}

}  // namespace crystalgrid
