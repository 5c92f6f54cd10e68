// What a crystal is by its cell and atoms: formula, density, smallest distance, and whether it can be real.
#pragma once

#include <array>
#include <cstdint>
#include <string>

#include "closest_pair.hpp"
#include "draws.hpp"
#include "formula.hpp"

namespace crystalgrid {

/// Lengths in Å and angles in degrees.
struct CellParameters {
  double a, b, c, alpha, beta, gamma;
};

/// Return the parameters of a cell [3][3], rows a, b, c in Å.
CellParameters cell_parameters(const double* lattice);

/// The facts of a crystal in its primitive cell.
struct CrystalFacts {
  Composition composition;
  std::string formula;  ///< reduced
  std::int64_t atoms = 0;
  double volume = 0;   ///< Å³
  double density = 0;  ///< g/cm³
  CellParameters sides{};
  ClosestPair closest;
  bool charge_balanced = false;
};

/// Return the facts of crystal b, which has atoms.
CrystalFacts crystal_facts(const Draws& draws, std::int64_t b);

/// Return why a crystal cannot be real, in words such as "Li and O 0.40 Å apart"; empty if nothing speaks against it.
/// The rules are those of CDVAE and of LeMat-GenBench for distances, density and cell; README.md lists them.
std::string why_invalid(const CrystalFacts& facts);

}  // namespace crystalgrid
