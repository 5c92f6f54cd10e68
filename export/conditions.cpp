#include "conditions.hpp"

#include <algorithm>
#include <charconv>
#include <cmath>
#include <cstdint>
#include <limits>
#include <optional>
#include <set>
#include <string_view>

#include "crystalgrid/crystals.hpp"
#include "elements.hpp"
#include "errors.hpp"
#include "formula.hpp"
#include "space_groups.hpp"

namespace crystalgrid {
namespace {

using Text = std::string_view;
using Values = std::vector<double>;

/// The end of a range without one; no crystal has so many of anything.
constexpr double kNoLimit = 1e9;

/// The numbers of a crystal before its orbits (space group and lattice), and of an orbit (letter, Z, coordinates).
constexpr std::size_t kCellNumbers = 10, kOrbitNumbers = 5;
/// The last Wyckoff letter, A, which comes after z.
constexpr int kLastLetter = 26;
/// No crystal has so many sites.
constexpr int kMostSites = 1'000'000;

[[noreturn]] void refuse(const std::string& wanted, Text got) {
  throw InputError("wanted " + wanted + ", got '" + std::string(got) + "'");
}

std::vector<Text> split(Text text) {
  std::vector<Text> parts;
  for (auto comma = text.find(','); comma != Text::npos; comma = text.find(',')) {
    parts.push_back(text.substr(0, comma));
    text.remove_prefix(comma + 1);
  }
  parts.push_back(text);
  return parts;
}

template <class Number>
std::optional<Number> parse(Text text) {
  Number x{};
  const char* end = text.data() + text.size();
  const auto [stop, error] = std::from_chars(text.data(), end, x);
  if (error != std::errc() || stop != end) return std::nullopt;
  return x;
}

Values formula(Text text) {
  Values values;
  for (const auto& [number, count] : reduced(parse_formula(text)))
    values.insert(values.end(), {static_cast<double>(number), static_cast<double>(count)});
  return values;
}

/// Symbols with commas between them, as atomic numbers.
Values elements(Text text) {
  std::set<double> numbers;
  for (const Text symbol : split(text)) {
    const std::optional<int> number = atomic_number(symbol);
    if (!number) refuse("symbols of elements of 1 to 94 with commas between them, as Li,Fe,P,O", symbol);
    numbers.insert(*number);
  }
  return {numbers.begin(), numbers.end()};
}

Values whole_numbers(Text text) {
  std::set<double> numbers;
  for (const Text word : split(text)) {
    const auto number = parse<std::int64_t>(word);
    if (!number || *number < 1 || *number > kNoLimit) refuse("whole numbers from 1, as 4 or 2,4", text);
    numbers.insert(static_cast<double>(*number));
  }
  return {numbers.begin(), numbers.end()};
}

/// Numbers or symbols of space groups with commas between them.
std::set<double> space_groups(Text text) {
  std::set<double> numbers;
  for (const Text word : split(text)) {
    auto number = parse<int>(word);
    if (!number) number = space_group_number(word);
    if (!number || *number < 1 || *number > kSpaceGroups)
      refuse("numbers from 1 to 230 or symbols of space groups, as 62 or Pnma,Fm-3m", text);
    numbers.insert(*number);
  }
  return numbers;
}

std::set<double> groups_of_systems(Text text) {
  std::set<double> numbers;
  for (const Text name : split(text)) {
    const std::optional<CrystalSystem> system = crystal_system(name);
    if (!system) refuse("crystal systems (" + crystal_system_names() + ")", text);
    for (int number = system->first; number <= system->last; ++number) numbers.insert(number);
  }
  return numbers;
}

/// "LO:HI", of which either may be left out, or one number for both.
template <class Number>
Values range(Text text) {
  const auto colon = text.find(':');
  const Text low = text.substr(0, colon), high = colon == Text::npos ? low : text.substr(colon + 1);
  const auto least = low.empty() ? std::optional<Number>{0} : parse<Number>(low);
  const auto most = high.empty() ? std::optional<Number>{static_cast<Number>(kNoLimit)} : parse<Number>(high);
  const bool is_range = text.size() > 1 || colon == Text::npos;
  if (!is_range || text.empty() || !least || !most || !(0 <= *least && *least <= *most && *most <= kNoLimit))
    refuse(std::string(std::numeric_limits<Number>::is_integer ? "whole numbers" : "numbers") +
               " LO:HI from 0, LO at most HI, as 2:4",
           text);
  return {static_cast<double>(*least), static_cast<double>(*most)};
}

Values whole_range(Text text) { return range<std::int64_t>(text); }
Values real_range(Text text) { return range<double>(text); }

Values structures(Text text) { return {text == "known" ? 1.0 : text == "new" ? 2.0 : text == "free" ? 3.0 : 0.0}; }

/// Numbers with commas between them; none if anything else is among them.
Values numbers(Text text) {
  Values values;
  for (const Text word : split(text)) {
    const auto x = parse<double>(word);
    if (!x || !std::isfinite(*x)) return {};
    values.push_back(*x);
  }
  return values;
}

bool is_whole(double x, int least, int most) { return least <= x && x <= most && x == std::floor(x); }

/// A crystal: space group, lattice, and letter, element and first point of each Wyckoff orbit.
Values crystal(Text text) {
  Values values = numbers(text);
  bool good = values.size() >= kCellNumbers + kOrbitNumbers && (values.size() - kCellNumbers) % kOrbitNumbers == 0 &&
              is_whole(values[0], 1, kSpaceGroups);
  for (std::size_t i = kCellNumbers; good && i < values.size(); i += kOrbitNumbers)
    good = is_whole(values[i], 0, kLastLetter) && is_whole(values[i + 1], 1, static_cast<int>(kMaxZ));
  if (!good) refuse("the numbers of a crystal, which `crystalgrid sample` makes of a file", text);
  return values;
}

/// Indices of the orbits of a crystal.
Values sites(Text text) {
  Values values = numbers(text);
  const bool good = std::all_of(values.begin(), values.end(), [](double x) { return is_whole(x, 0, kMostSites); });
  if (values.empty() || !good) refuse("numbers of sites from 0, as 0,2", text);
  return values;
}

Values share(Text text) {
  const auto x = parse<double>(text);
  if (!x || !(0 <= *x && *x <= 1)) refuse("a number from 0 to 1", text);
  return {*x};
}

/// The options that are conditions by themselves: the name of each, that of its condition, and how it is read.
struct Reader {
  const char *option, *condition;
  Values (*read)(Text text);
};
constexpr Reader kReaders[] = {
    {"formula", "formula", formula},
    {"z", "z", whole_numbers},
    {"elements", "elements", elements},
    {"among", "among", elements},
    {"without", "without", elements},
    {"n-elements", "n_elements", whole_range},
    {"atoms", "atoms", whole_range},
    {"density", "density", real_range},
    {"volume-per-atom", "volume_per_atom", real_range},
    {"largest-z", "largest_z", whole_range},
    {"structures", "structures", structures},
    {"like", "like", crystal},
    {"strength", "strength", share},
    {"fix", "fix", sites},
};

/// Return what `read` makes of an option, and note its words; none if the option is not given.
template <class Read>
auto read_option(const Json& options, const std::string& name, Json::Object& words, Read read) try {
  std::optional<decltype(read(Text()))> values;
  if (!options.find(name)) return values;
  const std::string& text = options.string(name);
  values = read(text);
  words[name] = {text};
  return values;
} catch (const InputError& error) {
  throw InputError("--" + name + ": " + error.what());
}

/// Throws InputError for what speaks of a crystal that is not given, or of a site that it does not have.
void check_crystal(const std::map<std::string, Values>& values) {
  const auto like = values.find("like"), fix = values.find("fix");
  for (const char* name : {"strength", "fix"})
    if (like == values.end() && values.contains(name))
      throw InputError("--" + std::string(name) + ": wanted --like with it, the crystal that it speaks of");
  if (fix == values.end()) return;
  const auto sites = (like->second.size() - kCellNumbers) / kOrbitNumbers;
  const double largest = *std::max_element(fix->second.begin(), fix->second.end());
  if (largest >= static_cast<double>(sites))
    throw InputError("--fix: the crystal has " + std::to_string(sites) + " sites, numbered from 0");
}

/// The groups that are in both, where both are given.
std::optional<std::set<double>> common(std::optional<std::set<double>> groups,
                                       const std::optional<std::set<double>>& of_systems) {
  if (!groups) return of_systems;
  if (of_systems) std::erase_if(*groups, [&](double group) { return !of_systems->contains(group); });
  if (groups->empty()) throw InputError("--space-group and --crystal-system: none of these groups is in that system");
  return groups;
}

}  // namespace

Conditions read_conditions(const Json& options) {
  Conditions conditions;
  for (const Reader& reader : kReaders)
    if (const auto values = read_option(options, reader.option, conditions.words, reader.read))
      conditions.values[reader.condition] = *values;
  const auto groups = common(read_option(options, "space-group", conditions.words, space_groups),
                             read_option(options, "crystal-system", conditions.words, groups_of_systems));
  if (groups) conditions.values["space_groups"] = {groups->begin(), groups->end()};
  if (conditions.values.contains("z") && !conditions.values.contains("formula"))
    throw InputError("--z: wanted --formula with it, of which it counts the units in the primitive cell");
  check_crystal(conditions.values);
  return conditions;
}

std::string formula_note(const Conditions& conditions) {
  const auto formula = conditions.words.find("formula");
  if (formula == conditions.words.end() || conditions.words.contains("z")) return "";
  const std::string& text = formula->second.text();
  const Composition composition = parse_formula(text);
  const std::string units = std::to_string(atoms_of(composition) / atoms_of(reduced(composition)));
  if (units == "1") return "";
  return "--formula: " + text + " is " + units + " formula units; crystals hold any number of them; --z " + units +
         " asks for " + text + " in the primitive cell";
}

}  // namespace crystalgrid
