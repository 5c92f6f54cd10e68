// The space groups of space_groups.json, by their numbers in the International Tables.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace crystalgrid {

inline constexpr int kSpaceGroups = 230;

struct SpaceGroup {
  std::string symbol;   ///< short Hermann-Mauguin symbol without spaces, as in "P6_3/mmc"
  std::string setting;  ///< extended symbol of the standard setting, as CIF readers know it: "F d -3 m:2"
};

/// Return the space group of a number from 1 to 230. Throws std::out_of_range for any other.
const SpaceGroup& space_group(std::int64_t number);

/// Return the number of a short symbol, with or without spaces and underscores; none if no group has it.
std::optional<int> space_group_number(std::string_view symbol);

/// The numbers `first` to `last` of the space groups of a crystal system.
struct CrystalSystem {
  std::string_view name;
  int first, last;
};

/// Return the crystal system of a name such as "cubic"; none if there is no such system.
std::optional<CrystalSystem> crystal_system(std::string_view name);

/// Return the names of all crystal systems, with commas between them.
std::string crystal_system_names();

}  // namespace crystalgrid
