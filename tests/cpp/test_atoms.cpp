// Atoms found in labels: those that made the labels come back, and arbitrary labels harm nothing.
#include <algorithm>
#include <random>

#include "cells.hpp"
#include "check.hpp"
#include "crystalgrid/atoms.hpp"
#include "crystalgrid/species.hpp"

using namespace crystalgrid;

namespace {

/// Atoms at least 2.4 Å apart, away from the faces and on one, in a cube of any size.
const Cell kAtoms{"atoms",
                  {10, 0, 0, 0, 10, 0, 0, 0, 10},
                  {0.2, 0.2, 0.2, 0.5, 0.2, 0.25, 0.2, 0.6, 0.7, 0.8, 0.8, 0.5, 0.45, 0.5, 0.5, 0.7, 0.3, 0.99},
                  {8, 8, 1, 94, 26, 14}};

void test_atoms_come_back(int n, int connectivity) {
  const Grid grid{n, 10, 1};
  const double radius = 0.75;
  const std::vector<std::int64_t> offsets = kAtoms.offsets();
  std::vector<std::uint8_t> species(grid.voxels());
  label_species({1, kAtoms.lattice.data(), kAtoms.frac_coords.data(), offsets.data()}, kAtoms.numbers.data(),
                {.periodic = false}, grid, {.radius = radius, .threads = 1}, species.data());
  const Atoms atoms = find_atoms({species.data(), nullptr, nullptr, 1}, grid,
                                 {.connectivity = connectivity, .radius = radius, .threads = 1});
  CHECK(atoms.offsets == (std::vector<std::int64_t>{0, kAtoms.atoms()}));
  for (std::int64_t wanted = 0; wanted < kAtoms.atoms(); ++wanted) {
    double nearest = 100;
    for (std::size_t found = 0; found < atoms.numbers.size(); ++found) {
      if (atoms.numbers[found] != kAtoms.numbers[wanted]) continue;
      double squared = 0;
      for (int x = 0; x < 3; ++x) {
        const double d = atoms.positions[3 * found + x] - 10 * kAtoms.frac_coords[3 * wanted + x];
        squared += d * d;
      }
      nearest = std::min(nearest, std::sqrt(squared));
    }
    CHECK_NEAR(nearest, 0, 0.25);
  }
}

/// Random labels of few kinds in large and small patches, where fragments touch, merge and are split.
std::vector<std::uint8_t> random_labels(int n, std::int64_t cubes, std::mt19937& random) {
  std::vector<std::uint8_t> species(cubes * n * n * n);
  const unsigned kinds = 1 + random() % 4, rarity = 1 + random() % 6;
  for (std::size_t v = 0; v < species.size(); ++v) {
    const bool same_as_before = v > 0 && random() % 3 != 0;
    species[v] = same_as_before ? species[v - 1] : random() % rarity == 0 ? 1 + random() % kinds : 0;
  }
  return species;
}

void test_arbitrary_labels(int n, std::mt19937& random) {
  constexpr std::int64_t kCubes = 3;
  const Grid grid{n, n / 3.0, 1};
  const std::vector<std::uint8_t> species = random_labels(n, kCubes, random);
  std::vector<float> density(species.size()), confidence(species.size());
  for (std::size_t v = 0; v < species.size(); ++v)
    density[v] = static_cast<float>(random() % 1000) / 1000, confidence[v] = static_cast<float>(random() % 1000) / 1000;
  for (const int connectivity : {6, 26}) {
    const LabelledCubes cubes{species.data(), density.data(), confidence.data(), kCubes};
    const Atoms atoms = find_atoms(cubes, grid, {.connectivity = connectivity, .threads = 1});
    const Atoms threaded = find_atoms(cubes, grid, {.connectivity = connectivity, .threads = 3});
    CHECK(atoms.positions == threaded.positions && atoms.numbers == threaded.numbers);
    CHECK(atoms.offsets.size() == kCubes + 1 && std::is_sorted(atoms.offsets.begin(), atoms.offsets.end()));
    CHECK(atoms.offsets.back() == static_cast<std::int64_t>(atoms.numbers.size()));
    std::int64_t votes = 0;
    for (std::size_t a = 0; a < atoms.numbers.size(); ++a) {
      votes += atoms.votes[a];
      CHECK(1 <= atoms.numbers[a] && atoms.numbers[a] <= 4);
      CHECK(std::isfinite(atoms.positions[3 * a]));
    }
    CHECK(votes <= std::count_if(species.begin(), species.end(), [](std::uint8_t label) { return label != 0; }));
    CHECK((votes > 0) == std::any_of(species.begin(), species.end(), [](std::uint8_t label) { return label != 0; }));
  }
}

}  // namespace

int main() {
  for (const int n : {30, 33, 40, 64})
    for (const int connectivity : {6, 26}) test_atoms_come_back(n, connectivity);
  std::mt19937 random(6);
  for (const int n : {1, 2, 3, 5, 15, 16, 17, 31, 32, 33, 40})
    for (int repeat = 0; repeat < 4; ++repeat) test_arbitrary_labels(n, random);
  return report();
}
