// The closest pair of a crystal, against a search through very many images.
#include <algorithm>
#include <random>
#include <vector>

#include "check.hpp"
#include "closest_pair.hpp"
#include "elements.hpp"

using namespace crystalgrid;

namespace {

struct Cell {
  std::vector<double> lattice, frac_coords;
  std::vector<std::int64_t> numbers;
};

double radius(std::int64_t number) { return element(number).radius.value_or(kDefaultRadius); }

/// The same by definition: all images up to `images` cells away.
ClosestPair by_definition(const Cell& cell, int images) {
  ClosestPair best{1e9, 1e9, 1e9, 0, 0, 0};
  const auto atoms = static_cast<int>(cell.numbers.size());
  for (int a = 0; a < atoms; ++a)
    for (int b = 0; b < atoms; ++b)
      for (int i = -images; i <= images; ++i)
        for (int j = -images; j <= images; ++j)
          for (int k = -images; k <= images; ++k) {
            if (a == b && i == 0 && j == 0 && k == 0) continue;
            double squared = 0;
            for (int x = 0; x < 3; ++x) {
              double d = 0;
              const int shift[] = {i, j, k};
              for (int side = 0; side < 3; ++side)
                d += (cell.frac_coords[3 * b + side] - cell.frac_coords[3 * a + side] + shift[side]) *
                     cell.lattice[3 * side + x];
              squared += d * d;
            }
            const double distance = std::sqrt(squared), radii = radius(cell.numbers[a]) + radius(cell.numbers[b]);
            best.distance = std::min(best.distance, distance);
            best.share = std::min(best.share, distance / radii);
            if (a != b) best.gap = std::min(best.gap, distance - radii / 2);
          }
  return best;
}

ClosestPair search(const Cell& cell) {
  return closest_pair(cell.lattice.data(), cell.frac_coords.data(), cell.numbers);
}

/// A cell of any shape with up to six atoms anywhere.
Cell random_cell(std::mt19937& random) {
  std::uniform_real_distribution<double> component(-4, 4), place(-1.5, 1.5);
  Cell cell;
  for (int i = 0; i < 9; ++i) cell.lattice.push_back(component(random) + (i % 4 == 0 ? 6 : 0));
  for (unsigned atoms = 1 + random() % 6; atoms > 0; --atoms) {
    for (int x = 0; x < 3; ++x) cell.frac_coords.push_back(place(random));
    cell.numbers.push_back(1 + random() % 94);
  }
  return cell;
}

void test_random_cells() {
  std::mt19937 random(1);
  for (int i = 0; i < 60; ++i) {
    const Cell cell = random_cell(random);
    const ClosestPair got = search(cell), wanted = by_definition(cell, 6);
    CHECK_NEAR(got.distance, wanted.distance, 1e-9);
    CHECK_NEAR(got.share, wanted.share, 1e-9);
    if (wanted.gap < kLeastGap) CHECK_NEAR(got.gap, wanted.gap, 1e-9);
    CHECK((got.gap < kLeastGap) == (wanted.gap < kLeastGap));
  }
}

void test_known_crystals() {
  const ClosestPair salt = search({{0, 2.82, 2.82, 2.82, 0, 2.82, 2.82, 2.82, 0}, {0, 0, 0, .5, .5, .5}, {11, 17}});
  CHECK_NEAR(salt.distance, 2.82, 1e-12);
  CHECK_NEAR(salt.share, 2.82 / (radius(11) + radius(17)), 1e-12);
  CHECK(std::min(salt.first, salt.second) == 11 && std::max(salt.first, salt.second) == 17);
  const ClosestPair polonium = search({{3.35, 0, 0, 0, 3.35, 0, 0, 0, 3.35}, {.3, .7, 5}, {84}});
  CHECK_NEAR(polonium.distance, 3.35, 1e-12);
  CHECK(polonium.gap > 1e9 && polonium.gap_distance > 1e9);  // it has no other atom
}

}  // namespace

int main() {
  test_random_cells();
  test_known_crystals();
  return report();
}
