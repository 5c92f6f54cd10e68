// The command line.
#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "filters.hpp"

namespace crystalgrid {

struct Options {
  std::string model, out;
  std::optional<std::int64_t> number;  ///< 64, or all rows of `latents`
  std::int64_t seed = 0;
  std::int64_t batch = 16;
  double temperature = 1;
  bool no_prior = false;       ///< decode N(0, 1) itself
  std::string latents;         ///< .npy file; empty: drawn
  double largest_density = 0;  ///< 1/Å³; 0: as decoded
  Filters filters;
  std::string shard;  ///< "k/N"; empty: from the environment
  bool resume = false;
  int threads = 0;
  std::string device = "cpu", precision = "fp32";
  bool cif = false, density = false, profile = false, help = false;
};

extern const char* const kUsage;

/// Throws InputError for an option that is unknown, lacks its value or has one out of range.
Options parse_options(int argc, char** argv);

}  // namespace crystalgrid
