// Command lines that a table defines: which options there are, what values they take, and the text of --help.
//
// The table is options.json, which the Python command reads too. An option of it has
//   name, short    "seed" is given as --seed 3 or --seed=3; a short name is one letter, as in -n 5
//   kind           "flag" takes no value; "text"; "whole", a whole number from "least" to "most"; "positive", a number
//                  that is finite in single precision; "choice" with its "choices"
//   default        the value of an option that is not given; without a default such an option is absent
//   required       true: it must be given
//   metavar, help  for --help
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "json.hpp"

namespace crystalgrid {

class CommandLine {
 public:
  /// Throws InputError if `table` is not a table of options.
  explicit CommandLine(std::string_view table);

  /// Read the words that follow the program's name. Returns an object of "model" and of every option that was given or
  /// has a default, by name, as the JSON type of its kind. With --help among the words nothing else is required. Throws
  /// InputError for an option that is unknown, missing, repeated or without a value that it can have.
  Json parse(std::span<const char* const> words) const;

  /// Return the text of --help for a program of that name.
  std::string help(const std::string& program) const;

 private:
  struct Option {
    std::string group, name, letter, kind, metavar, help;
    std::int64_t least = 0, most = 0;
    std::vector<std::string> choices;
    std::optional<Json> fallback;
    bool required = false;
  };

  static Option read_option(const Json& json, const std::string& group);
  static Json parse_value(const Option& option, const std::string& given, std::string_view value);
  static std::string help_of(const Option& option);
  const Option* find_option(std::string_view word) const;
  void check_complete(const Json& values) const;

  std::string summary_, model_;
  std::vector<Option> options_;
};

}  // namespace crystalgrid
