// The options of a sampling run.
#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "conditions.hpp"
#include "filters.hpp"
#include "json.hpp"
#include "metadata.hpp"

namespace crystalgrid {

struct Options {
  std::string model, out;
  std::optional<std::int64_t> number;  ///< absent: 64, or all rows of `latents`
  std::int64_t seed = 0;
  std::int64_t batch = 0;  ///< 0: what suits the kind of model
  double temperature = 1;
  bool no_prior = false;                  ///< decode the noise itself
  std::optional<std::string> latents;     ///< a .npy file; absent: latent vectors are drawn
  std::optional<double> largest_density;  ///< 1/Å³; absent: as decoded
  Filters filters;
  Conditions conditions;
  std::optional<std::int64_t> best;  ///< how many of the draws to keep, the likeliest different ones; absent: all
  std::optional<std::string> shard;  ///< "K/N"; absent: what the environment says
  bool resume = false;
  int threads = 0;
  std::string device, precision;
  bool cif = false, save_density = false, profile = false;
};

/// Turn what the command line says (see command_line.hpp) into options. Throws InputError if two of them contradict
/// each other.
Options read_options(const Json& values);

/// Return whether the candidates of a formula are ranked, and nothing is drawn at random.
bool ranks_candidates(const Options& options);

/// Return options with what depends on the kind of model. Throws InputError if the model cannot do what they ask for.
Options options_for(Options options, const Metadata& model);

}  // namespace crystalgrid
