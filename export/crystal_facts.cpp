#include "crystal_facts.hpp"

#include <algorithm>
#include <cmath>
#include <numbers>

#include "charge.hpp"
#include "crystalgrid/lattice.hpp"
#include "elements.hpp"
#include "filters.hpp"
#include "text.hpp"

namespace crystalgrid {
namespace {

// Of CDVAE (Xie et al. 2022) and LeMat-GenBench (arXiv 2512.04562).
constexpr double kLeastDistance = 0.5;                        // Å
constexpr double kLeastVolume = 1;                            // Å³
constexpr double kLeastDensity = 0.01, kLargestDensity = 25;  // g/cm³
constexpr double kFewestAtoms = 1e-5, kMostAtoms = 0.5;       // 1/Å³
constexpr double kShortestSide = 1, kLongestSide = 100;       // Å

double angle(Vec3 u, Vec3 v) {
  const double cosine = dot(u, v) / std::sqrt(dot(u, u) * dot(v, v));
  return std::acos(std::clamp(cosine, -1.0, 1.0)) * 180 / std::numbers::pi;
}

template <class... Values>
std::string words(const char* format, Values... values) {
  std::string text;
  append(text, format, values...);
  return text;
}

}  // namespace

CellParameters cell_parameters(const double* lattice) {
  const CubeFrame cell = cube_frame(lattice, nullptr, nullptr);
  return {std::sqrt(dot(cell.a, cell.a)), std::sqrt(dot(cell.b, cell.b)), std::sqrt(dot(cell.c, cell.c)),
          angle(cell.b, cell.c),          angle(cell.a, cell.c),          angle(cell.a, cell.b)};
}

CrystalFacts crystal_facts(const Draws& draws, std::int64_t b) {
  CrystalFacts facts;
  const double* lattice = draws.primitive_lattice.data() + 9 * b;
  const std::span<const std::int64_t> numbers = draws.numbers_of(b);
  double mass = 0;
  for (const std::int64_t number : numbers) {
    ++facts.composition[static_cast<int>(number)];
    mass += element(number).mass;
  }
  const CubeFrame cell = cube_frame(lattice, nullptr, nullptr);
  facts.formula = reduced_formula(facts.composition);
  facts.atoms = static_cast<std::int64_t>(numbers.size());
  facts.volume = std::fabs(dot(cross(cell.a, cell.b), cell.c));
  facts.density = mass_density(mass, facts.volume);
  facts.sides = cell_parameters(lattice);
  facts.closest = closest_pair(lattice, draws.frac_coords.data() + 3 * draws.atom_offsets[b], numbers);
  facts.charge_balanced = charge_balanced(facts.composition);
  return facts;
}

std::string why_invalid(const CrystalFacts& facts) {
  const ClosestPair& closest = facts.closest;
  if (closest.gap_distance < kLeastDistance || closest.gap < kLeastGap)
    return words("%s and %s %.2g Å apart", element(closest.first).symbol.c_str(),
                 element(closest.second).symbol.c_str(), closest.gap_distance);
  if (facts.volume <= kLeastVolume) return words("a cell of %.2g Å³", facts.volume);
  if (facts.density < kLeastDensity || facts.density > kLargestDensity) return words("%.3g g/cm³", facts.density);
  const double atoms = static_cast<double>(facts.atoms) / facts.volume;
  if (atoms < kFewestAtoms || atoms > kMostAtoms) return words("%.2g atoms/Å³", atoms);
  for (const double side : {facts.sides.a, facts.sides.b, facts.sides.c})
    if (side < kShortestSide || side > kLongestSide) return words("a cell with a side of %.3g Å", side);
  return "";
}

}  // namespace crystalgrid
