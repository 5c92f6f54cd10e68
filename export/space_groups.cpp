#include "space_groups.hpp"

#include <algorithm>
#include <array>
#include <vector>

#include "data_tables.hpp"
#include "json.hpp"

namespace crystalgrid {
namespace {

constexpr std::array kSystems{
    CrystalSystem{"triclinic", 1, 2},     CrystalSystem{"monoclinic", 3, 15},  CrystalSystem{"orthorhombic", 16, 74},
    CrystalSystem{"tetragonal", 75, 142}, CrystalSystem{"trigonal", 143, 167}, CrystalSystem{"hexagonal", 168, 194},
    CrystalSystem{"cubic", 195, 230},
};

const std::vector<SpaceGroup>& space_groups() {
  static const std::vector<SpaceGroup> table = [] {
    const Json json = Json::parse(kSpaceGroupTable);
    std::vector<SpaceGroup> rows;
    for (const Json& row : json.array("space_groups")) rows.push_back({row.string("symbol"), row.string("setting")});
    return rows;
  }();
  return table;
}

std::string without_marks(std::string_view symbol) {
  std::string plain(symbol);
  std::erase_if(plain, [](char c) { return c == ' ' || c == '_'; });
  return plain;
}

}  // namespace

const SpaceGroup& space_group(std::int64_t number) { return space_groups().at(static_cast<std::size_t>(number - 1)); }

std::optional<int> space_group_number(std::string_view symbol) {
  const std::string plain = without_marks(symbol);
  for (int number = 1; number <= kSpaceGroups; ++number)
    if (without_marks(space_group(number).symbol) == plain) return number;
  return std::nullopt;
}

std::optional<CrystalSystem> crystal_system(std::string_view name) {
  const auto* system =
      std::find_if(kSystems.begin(), kSystems.end(), [&](const auto& each) { return each.name == name; });
  if (system == kSystems.end()) return std::nullopt;
  return *system;
}

std::string crystal_system_names() {
  std::string names;
  for (const CrystalSystem& system : kSystems) names += (names.empty() ? "" : ", ") + std::string(system.name);
  return names;
}

}  // namespace crystalgrid
