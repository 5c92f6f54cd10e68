// Which part of a library this process makes.
#pragma once

#include <cstdint>
#include <string>

namespace crystalgrid {

struct Shard {
  std::int64_t k = 0, of = 1;  ///< the k-th, from 0, of so many
  std::string source;          ///< what said so, where the environment did
};

/// `text` is "k/N"; empty: RANK and WORLD_SIZE (torchrun), else SLURM_ARRAY_TASK_ID of an array job and SLURM_PROCID of
/// the tasks of a step, else the whole. Throws InputError for what is no shard, and for half of what torchrun sets.
Shard parse_shard(const std::string& text);

struct Range {
  std::int64_t first, last;
};

/// The structures of a shard. Shards meet at whole batches, so that a batch holds the same latents whichever shard, and
/// whichever resumed run, decodes it, and its sums round alike.
Range shard_range(const Shard& shard, std::int64_t number, std::int64_t batch);

}  // namespace crystalgrid
