// What a generator draws: a batch of crystals as flat arrays.
#pragma once

#include <cstdint>
#include <map>
#include <span>
#include <vector>

namespace crystalgrid {

/// B crystals with O orbits and N atoms of the primitive cells in all; README.md says more about each array. A draw
/// that could not meet the conditions has no atoms.
struct Draws {
  std::vector<std::int64_t> space_group;     ///< [B] number, 1 to 230
  std::vector<double> lattice;               ///< [B][3][3] Å, conventional cell of the standard setting
  std::vector<std::int64_t> orbit_offsets;   ///< [B+1]
  std::vector<std::int64_t> letters;         ///< [O] Wyckoff letters: 0 is a
  std::vector<std::int64_t> multiplicities;  ///< [O] in the conventional cell
  std::vector<std::int64_t> orbit_numbers;   ///< [O] atomic numbers
  std::vector<double> orbit_coords;          ///< [O][3] of the first atom of each, in the conventional cell
  std::vector<double> primitive_lattice;     ///< [B][3][3] Å
  std::vector<std::int64_t> atom_offsets;    ///< [B+1]
  std::vector<std::int64_t> numbers;         ///< [N] atomic numbers
  std::vector<double> frac_coords;           ///< [N][3] in the primitive cell
  std::vector<double> log_likelihood;        ///< [B]
  std::vector<std::int64_t> relative;        ///< [B] training crystal it began at; -1: none; -2 less it: an ordering
  std::vector<std::int64_t> same_as;         ///< [B] training crystal of this type and these elements; -1: none
  std::vector<std::uint8_t> formula_seen;    ///< [B] whether a training crystal has this reduced formula
  std::map<std::int64_t, std::vector<double>> operations;  ///< by space group: [M][3][4] in the conventional cell

  std::int64_t size() const { return static_cast<std::int64_t>(space_group.size()); }

  /// The atomic numbers in the primitive cell of crystal b.
  std::span<const std::int64_t> numbers_of(std::int64_t b) const {
    return std::span(numbers).subspan(atom_offsets[b], atom_offsets[b + 1] - atom_offsets[b]);
  }
};

/// Throws InputError unless the arrays belong together and hold what a crystal can have: a file may say anything.
void check_draws(const Draws& draws);

}  // namespace crystalgrid
