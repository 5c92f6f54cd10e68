// Shards: the part of a library that one process makes.
#pragma once

#include <cstdint>
#include <string>

namespace crystalgrid {

/// Part k of `count` equal parts, k from 0 to count - 1.
struct Shard {
  std::int64_t k = 0, count = 1;
  std::string source;  ///< the environment variables that say so; empty if none do
};

/// Read "K/N". Throws InputError unless K is from 0 to N-1.
Shard parse_shard(const std::string& text);

/// Return the shard that the environment assigns to this process: by RANK and WORLD_SIZE (torchrun), else by
/// SLURM_ARRAY_TASK_ID of an array job and SLURM_PROCID of the tasks of a step; else the whole library. Throws
/// InputError if the variables contradict each other, or if one of torchrun's two is missing.
Shard shard_of_environment();

/// Structures `first` to `last`, without the last.
struct Range {
  std::int64_t first, last;
};

/// Return the structures of a shard. Shards meet at whole batches, so that a batch holds the same latents whichever
/// shard or resumed run decodes it, and its sums round alike.
Range shard_range(const Shard& shard, std::int64_t number, std::int64_t batch);

/// Return a line for the user: which structures a shard has that the environment chose, or why a shard has none.
/// Empty for the others.
std::string shard_note(const Shard& shard, std::int64_t number, std::int64_t batch);

}  // namespace crystalgrid
