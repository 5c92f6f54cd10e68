#include "crystalgrid/crystals.hpp"

#include <algorithm>
#include <cstdio>

namespace crystalgrid {
namespace {

template <class... Values>
std::string line(const char* format, Values... values) {
  char text[200];
  std::snprintf(text, sizeof text, format, values...);
  return text;
}

std::string offsets_fault(const std::int64_t* offsets, std::int64_t size, std::int64_t atoms) {
  const std::int64_t* end = offsets + size + 1;
  if (offsets[0] == 0 && offsets[size] == atoms && std::is_sorted(offsets, end)) return {};
  std::string first;
  for (const std::int64_t* o = offsets; o != std::min(end, offsets + 8); ++o)
    first += (first.empty() ? "" : ", ") + std::to_string(*o);
  return "offsets: wanted ascending from 0 to " + std::to_string(atoms) + ", got [" + first + (size < 8 ? "]" : ", …]");
}

std::string values_fault(const char* name, const double* values, std::int64_t count) {
  double farthest = 0;
  for (std::int64_t i = 0; i < count; ++i) {
    const double size = std::fabs(values[i]);
    if (!std::isfinite(size)) return line("%s: wanted finite values, got NaN or infinity", name);
    if (size > kFarthest) farthest = std::max(farthest, size);
  }
  if (farthest == 0) return {};
  return line("%s: wanted values up to %g in size, got %.4g", name, kFarthest, farthest);
}

std::string numbers_fault(const std::int64_t* numbers, std::int64_t atoms) {
  if (atoms == 0) return {};
  const auto [least, most] = std::minmax_element(numbers, numbers + atoms);
  if (*least >= 1 && *most <= kMaxZ) return {};
  return "numbers: wanted 1 to " + std::to_string(kMaxZ) + ", got " + std::to_string(*least) + " to " +
         std::to_string(*most);
}

std::string lattice_fault(const double* l, std::int64_t atoms) {
  const Vec3 a{l[0], l[1], l[2]}, b{l[3], l[4], l[5]}, c{l[6], l[7], l[8]};
  const CellFault found = cell_fault(a, b, c, atoms);
  if (found == CellFault::singular) return "lattice: wanted three independent vectors, got a singular lattice";
  if (found == CellFault::none) return {};
  return line("lattice: wanted at least %g Å³ per atom, got %.2g", kLeastVolume,
              std::fabs(dot(cross(a, b), c)) / static_cast<double>(atoms));
}

/// Describe how far R·Rᵀ is from 1, if it is too far.
std::string rotation_fault(const double* r) {
  double off = 0;
  for (int i = 0; i < 3; ++i)
    for (int j = 0; j < 3; ++j)
      off = std::max(
          off, std::fabs(r[3 * i] * r[3 * j] + r[3 * i + 1] * r[3 * j + 1] + r[3 * i + 2] * r[3 * j + 2] - (i == j)));
  return off > 1e-6 ? line("rotation: wanted orthogonal matrices, got R·Rᵀ up to %.2g from 1", off) : std::string();
}

}  // namespace

std::string fault(const Crystals& crystals, const std::int64_t* numbers, std::int64_t atoms, const Cubes& cubes) {
  const std::int64_t size = crystals.size, *offsets = crystals.offsets;
  std::string found = offsets_fault(offsets, size, atoms);
  if (found.empty()) found = values_fault("lattice", crystals.lattice, 9 * size);
  if (found.empty()) found = values_fault("frac_coords", crystals.frac_coords, 3 * atoms);
  if (found.empty()) found = numbers_fault(numbers, atoms);
  if (found.empty() && cubes.origin) found = values_fault("origin", cubes.origin, 3 * size);
  if (found.empty() && cubes.rotation) found = values_fault("rotation", cubes.rotation, 9 * size);
  for (std::int64_t b = 0; b < size && found.empty(); ++b) {
    found = lattice_fault(crystals.lattice + 9 * b, offsets[b + 1] - offsets[b]);
    if (found.empty() && cubes.rotation) found = rotation_fault(cubes.rotation + 9 * b);
  }
  return found;
}

}  // namespace crystalgrid
