// What is asked of a generator's crystals.
#pragma once

#include <map>
#include <string>
#include <vector>

#include "json.hpp"

namespace crystalgrid {

struct Conditions {
  /// By the names and in the forms that README.md gives them: {"formula": [3, 1, 8, 4, 15, 1, 26, 1]}.
  std::map<std::string, std::vector<double>> values;
  /// As they were given, by option without its dashes: {"formula": "LiFePO4"}.
  Json::Object words;
};

/// Read the conditions among the options of a command line. Throws InputError, naming the option, for a value that
/// says nothing, and for options that exclude each other.
Conditions read_conditions(const Json& options);

/// Return a line that says so where the formula that is asked for is several formula units; else nothing.
std::string formula_note(const Conditions& conditions);

}  // namespace crystalgrid
