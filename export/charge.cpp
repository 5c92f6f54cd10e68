#include "charge.hpp"

#include <algorithm>
#include <set>

#include "elements.hpp"

namespace crystalgrid {
namespace {

/// The charges that `count` atoms of an element can have together.
std::set<std::int64_t> charges(const Element& element, std::int64_t count) {
  std::set<std::int64_t> sums;
  for (const int state : element.oxidation_states) {
    const auto& states = element.oxidation_states;
    const bool mixed = std::find(states.begin(), states.end(), state + 1) != states.end();
    for (std::int64_t higher = 0; higher <= (mixed ? count : 0); ++higher) sums.insert(count * state + higher);
  }
  return sums;
}

}  // namespace

bool charge_balanced(const Composition& composition) {
  const auto is_metal = [](const auto& part) { return element(part.first).metal; };
  if (composition.size() == 1 || std::all_of(composition.begin(), composition.end(), is_metal)) return true;
  std::set<std::int64_t> totals{0};
  for (const auto& [number, count] : reduced(composition)) {
    std::set<std::int64_t> sums;
    for (const std::int64_t charge : charges(element(number), count))
      for (const std::int64_t total : totals) sums.insert(total + charge);
    totals = std::move(sums);
  }
  return totals.contains(0);
}

}  // namespace crystalgrid
