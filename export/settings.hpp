// All that decides what is in a library, for its manifest.
#pragma once

#include <string>

#include "json.hpp"
#include "latent_source.hpp"
#include "metadata.hpp"
#include "options.hpp"
#include "shard.hpp"

namespace crystalgrid {

/// The means by which the process computes.
struct Machinery {
  int threads;
  std::string torch_version;
};

/// Return whether structures are drawn from a prior that the model has learned.
bool uses_prior(const Options& options, const Metadata& model);

/// Return the settings of a library, which a run that resumes it and the other shards must have as well.
Json library_settings(const Options& options, const Metadata& model, const LatentSource& latents, const Shard& shard,
                      const Machinery& machinery);

}  // namespace crystalgrid
