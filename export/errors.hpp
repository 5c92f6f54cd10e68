// The error that a user can repair: a single line that names the thing, what was wanted and what came.
#pragma once

#include <algorithm>
#include <stdexcept>
#include <string>

namespace crystalgrid {

struct InputError : std::runtime_error {
  using std::runtime_error::runtime_error;
};

/// Return the first line of a message: those of torch continue with source lines and a backtrace.
inline std::string first_line(std::string text) {
  text.erase(0, text.find_first_not_of(" \n"));
  text.resize(std::min(text.find('\n'), text.size()));
  return text;
}

}  // namespace crystalgrid
