// The chemical elements of elements.json, by atomic number.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace crystalgrid {

struct Element {
  std::string symbol;
  double mass = 0;                    ///< Da; of an element without a stable isotope, of the longest-lived one
  std::optional<double> radius;       ///< atomic radius, Å, of Slater (1964)
  double electronegativity = 0;       ///< Pauling's; infinity where there is none
  bool metal = false;                 ///< a metal
  std::vector<int> oxidation_states;  ///< those that it commonly has, ascending
};

/// Return the element of an atomic number from 1 to 94. Throws std::out_of_range for any other.
const Element& element(std::int64_t number);

/// Return the atomic number of a symbol; none if no element of 1 to 94 has it.
std::optional<int> atomic_number(std::string_view symbol);

}  // namespace crystalgrid
