// Density and its gradient against a slow loop over voxels and images, for every instruction set that the machine has.
#include <algorithm>
#include <numbers>
#include <stdexcept>

#include "cells.hpp"
#include "check.hpp"
#include "crystalgrid/density.hpp"

using namespace crystalgrid;

namespace {

const std::vector<Isa> kInstructionSets{Isa::baseline, Isa::avx2, Isa::avx512, Isa::automatic};
constexpr double kFar = 7;  // standard deviations; the tail beyond is below 1e-10

struct Case {
  Cell cell;
  Grid grid;
};

/// Sizes that are no multiple of a vector, a block or a brick; the last are large enough for the Fourier series.
std::vector<Case> cases() {
  std::vector<Case> cases;
  for (const Cell& cell : kCells)
    for (const int n : {1, 3, 8, 17}) cases.push_back({cell, {n, 5, 0.6}});
  cases.push_back({kCells[0], {31, 10, 1}});
  cases.push_back({kCells[2], {33, 8, 1}});
  return cases;
}

DensityBatch batch_of(const Cell& cell, const Grid& grid, const std::vector<double>& weights,
                      const std::vector<std::int64_t>& offsets) {
  return {{1, cell.lattice.data(), cell.frac_coords.data(), offsets.data()}, weights.data(), {}, grid};
}

std::vector<double> slow_density(const Cell& cell, const Grid& grid) {
  const double sigma = grid.sigma, prefactor = std::pow(2 * std::numbers::pi, -1.5) / (sigma * sigma * sigma);
  const std::vector<double> weights = cell.weights();
  std::vector<double> density(grid.voxels());
  for (const Image& image : images_near(cell, grid.length, kFar * sigma))
    for_each_voxel(grid, [&](int i, int j, int k, std::size_t voxel) {
      const double d = squared_distance_to(image, grid, i, j, k);
      if (d > kFar * kFar * sigma * sigma) return;
      density[voxel] += weights[image.atom] * prefactor * std::exp(-0.5 * d / (sigma * sigma));
    });
  return density;
}

template <class T>
void test_density(const Case& c, int& by_series, int& by_images) {
  const std::vector<double> weights = c.cell.weights(), wanted = slow_density(c.cell, c.grid);
  const std::vector<std::int64_t> offsets = c.cell.offsets();
  const double maximum = *std::max_element(wanted.begin(), wanted.end());
  for (const Isa isa : kInstructionSets) try {
      std::vector<T> density(c.grid.voxels());
      double cutoff = 0, error = 0;
      voxelize(batch_of(c.cell, c.grid, weights, offsets), {.threads = 1, .isa = isa}, density.data(), &cutoff);
      for (std::size_t v = 0; v < density.size(); ++v) error = std::max(error, std::fabs(density[v] - wanted[v]));
      if (!(error <= 1.05e-5 * maximum))
        ++failures, std::fprintf(stderr, "%s, n = %d: off by %.3g of the maximum\n", c.cell.name.c_str(), c.grid.n,
                                 error / maximum);
      ++(std::isinf(cutoff) ? by_series : by_images);
    } catch (const std::invalid_argument&) {
    }  // this machine lacks the instruction set
}

/// The scalar whose gradient is taken: Σ of the density times weights that differ from voxel to voxel.
double loss(const Cell& cell, const Grid& grid, const std::vector<double>& weights, const std::vector<double>& grad) {
  const std::vector<std::int64_t> offsets = cell.offsets();
  std::vector<double> density(grid.voxels());
  double cutoff = 0, sum = 0;
  voxelize(batch_of(cell, grid, weights, offsets), {.accuracy = 1e-10, .threads = 1}, density.data(), &cutoff);
  for (std::size_t v = 0; v < density.size(); ++v) sum += grad[v] * density[v];
  return sum;
}

struct Gradients {
  std::vector<double> frac_coords, weights, lattice;
};

template <class T>
Gradients gradients(const Cell& cell, const Grid& grid, const std::vector<double>& grad, double accuracy) {
  const std::vector<double> weights = cell.weights();
  const std::vector<std::int64_t> offsets = cell.offsets();
  const DensityBatch batch = batch_of(cell, grid, weights, offsets);
  const DensityOptions options{.accuracy = accuracy, .threads = 1};
  std::vector<T> density(grid.voxels());
  double cutoff = 0;
  voxelize(batch, options, density.data(), &cutoff);
  Gradients result{std::vector<double>(cell.frac_coords.size()), std::vector<double>(weights.size()),
                   std::vector<double>(9)};
  const std::vector<T> of_density(grad.begin(), grad.end());
  voxelize_backward(batch, options, &cutoff, of_density.data(),
                    {result.frac_coords.data(), result.weights.data(), result.lattice.data()});
  return result;
}

/// Compare `got` with central differences of the loss by each of the values.
template <class Loss>
void check_slopes(const std::vector<double>& got, std::vector<double>& values, double tolerance, const Loss& loss_now) {
  constexpr double kStep = 1e-4;
  for (std::size_t i = 0; i < values.size(); ++i) {
    const double value = values[i];
    values[i] = value + kStep;
    const double above = loss_now();
    values[i] = value - kStep;
    const double below = loss_now();
    values[i] = value;
    CHECK_NEAR(got[i], (above - below) / (2 * kStep), tolerance);
  }
}

void test_gradient(const Case& c) {
  Cell cell = c.cell;
  std::vector<double> grad(c.grid.voxels()), weights = cell.weights();
  for (std::size_t v = 0; v < grad.size(); ++v) grad[v] = std::sin(0.7 * static_cast<double>(v));
  const Gradients exact = gradients<double>(cell, c.grid, grad, 1e-10);
  double size = 1;
  for (const double x : exact.frac_coords) size = std::max(size, std::fabs(x));
  for (const double x : exact.lattice) size = std::max(size, std::fabs(x));
  const auto loss_now = [&] { return loss(cell, c.grid, weights, grad); };
  check_slopes(exact.frac_coords, cell.frac_coords, 1e-5 * size, loss_now);
  check_slopes(exact.weights, weights, 1e-5 * size, loss_now);
  check_slopes(exact.lattice, cell.lattice, 1e-5 * size, loss_now);
  const Gradients single = gradients<float>(cell, c.grid, grad, 1e-5);
  for (std::size_t i = 0; i < single.frac_coords.size(); ++i)
    CHECK_NEAR(single.frac_coords[i], exact.frac_coords[i], 2e-4 * size);
  for (std::size_t i = 0; i < single.lattice.size(); ++i) CHECK_NEAR(single.lattice[i], exact.lattice[i], 2e-4 * size);
}

}  // namespace

int main() {
  int by_series = 0, by_images = 0;
  for (const Case& c : cases()) {
    test_density<float>(c, by_series, by_images);
    test_density<double>(c, by_series, by_images);
    if (c.grid.n == 8) test_gradient(c);
  }
  test_gradient({kCells[2], {17, 8, 1}});
  CHECK(by_series > 0);
  CHECK(by_images > 0);
  return report();
}
