// The command line.
#pragma once

#include <cstdint>
#include <string>

namespace crystalgrid {

struct Options {
  std::string model, out;
  std::int64_t number = 64;
  std::int64_t seed = 0;
  std::int64_t batch = 16;
  int threads = 0;
  std::string device = "cpu";
  bool density = false;
  bool help = false;
};

extern const char* const kUsage;

/// Throws InputError for an option that is unknown, lacks its value or has one out of range.
Options parse_options(int argc, char** argv);

}  // namespace crystalgrid
