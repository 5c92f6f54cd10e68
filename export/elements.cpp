#include "elements.hpp"

#include <limits>

#include "data_tables.hpp"
#include "json.hpp"

namespace crystalgrid {
namespace {

Element read_element(const Json& row) {
  Element element;
  element.symbol = row.string("symbol");
  element.mass = row.number("mass");
  if (row.find("radius")) element.radius = row.number("radius");
  element.electronegativity =
      row.find("electronegativity") ? row.number("electronegativity") : std::numeric_limits<double>::infinity();
  element.metal = row.boolean("metal");
  for (const Json& state : row.array("oxidation_states"))
    element.oxidation_states.push_back(static_cast<int>(std::get<std::int64_t>(state.value)));
  return element;
}

const std::vector<Element>& elements() {
  static const std::vector<Element> table = [] {
    const Json json = Json::parse(kElementTable);
    std::vector<Element> rows;
    for (const Json& row : json.array("elements")) rows.push_back(read_element(row));
    return rows;
  }();
  return table;
}

}  // namespace

const Element& element(std::int64_t number) { return elements().at(static_cast<std::size_t>(number - 1)); }

std::optional<int> atomic_number(std::string_view symbol) {
  const std::vector<Element>& table = elements();
  if (symbol == "D" || symbol == "T") return 1;  // isotopes of hydrogen
  for (std::size_t row = 0; row < table.size(); ++row)
    if (table[row].symbol == symbol) return static_cast<int>(row + 1);
  return std::nullopt;
}

}  // namespace crystalgrid
