#include "shard.hpp"

#include <algorithm>
#include <charconv>
#include <cstdlib>
#include <optional>
#include <string_view>

#include "errors.hpp"

namespace crystalgrid {
namespace {

constexpr std::int64_t kMaxShards = 1'000'000'000;

std::optional<std::int64_t> parse_whole(std::string_view text) {
  std::int64_t x = 0;
  const char* end = text.data() + text.size();
  const auto [stop, error] = std::from_chars(text.data(), end, x);
  if (error != std::errc() || stop != end) return std::nullopt;
  return x;
}

/// The value of an environment variable, if it is set.
std::optional<std::int64_t> variable(const char* name) {
  const char* text = std::getenv(name);
  if (!text || !*text) return std::nullopt;
  const auto x = parse_whole(text);
  if (!x) throw InputError(std::string(name) + ": wanted a whole number, got '" + text + "'");
  return x;
}

Shard read_environment() {
  const auto rank = variable("RANK"), size = variable("WORLD_SIZE");
  if (rank.has_value() != size.has_value())  // each process would make the whole library, in the same folder
    throw InputError("RANK and WORLD_SIZE: wanted both, as torchrun sets them, or neither, got only " +
                     std::string(rank ? "RANK" : "WORLD_SIZE") + "; --shard K/N goes before them");
  if (rank) return {*rank, *size, "RANK and WORLD_SIZE"};
  Shard shard;
  if (const auto task = variable("SLURM_ARRAY_TASK_ID"), count = variable("SLURM_ARRAY_TASK_COUNT"); task && count) {
    const std::int64_t first = variable("SLURM_ARRAY_TASK_MIN").value_or(0);
    const std::int64_t step = std::max<std::int64_t>(1, variable("SLURM_ARRAY_TASK_STEP").value_or(1));
    const std::int64_t last = variable("SLURM_ARRAY_TASK_MAX").value_or(first + step * (*count - 1));
    if (last != first + step * (*count - 1) || (*count == 1 && first > 0))  // only some tasks of an array
      throw InputError("SLURM_ARRAY_TASK_ID: wanted an array of all shards, got " + std::to_string(*count) +
                       " tasks from " + std::to_string(first) + " to " + std::to_string(last) +
                       "; --shard K/N says which shard this is");
    shard = {(*task - first) / step, *count, "SLURM_ARRAY_TASK_ID"};
  }
  // The script of a job has SLURM_PROCID 0 of SLURM_NTASKS too, but is one process: only a step of srun has tasks.
  const bool is_script = std::getenv("SLURM_JOB_ID") && !std::getenv("SLURM_STEP_ID");
  const auto process = variable("SLURM_PROCID"), tasks = variable("SLURM_NTASKS");
  if (process && tasks && *tasks > 1 && !is_script) {
    shard.k = shard.k * *tasks + *process;
    shard.count *= *tasks;
    shard.source += shard.source.empty() ? "SLURM_PROCID" : " and SLURM_PROCID";
  }
  return shard;
}

void check(const Shard& shard, const std::string& name, const std::string& got) {
  if (shard.count < 1 || shard.count > kMaxShards || shard.k < 0 || shard.k >= shard.count)
    throw InputError(name + ": wanted K/N with K from 0 to N-1, as 0/4, got '" + got + "'");
}

}  // namespace

Shard parse_shard(const std::string& text) {
  const auto slash = std::min(text.find('/'), text.size());
  const auto k = parse_whole(std::string_view(text).substr(0, slash));
  const auto count = slash < text.size() ? parse_whole(std::string_view(text).substr(slash + 1)) : std::nullopt;
  const Shard shard{k.value_or(-1), count.value_or(-1), ""};
  check(shard, "--shard", text);
  return shard;
}

Shard shard_of_environment() {
  const Shard shard = read_environment();
  check(shard, shard.source, std::to_string(shard.k) + "/" + std::to_string(shard.count));
  return shard;
}

Range shard_range(const Shard& shard, std::int64_t number, std::int64_t batch) {
  const std::int64_t batches = (number + batch - 1) / batch;
  // k·batches / N, without overflow
  const auto start = [&](std::int64_t k) {
    return batches / shard.count * k + batches % shard.count * k / shard.count;
  };
  return {std::min(number, start(shard.k) * batch), std::min(number, start(shard.k + 1) * batch)};
}

std::string shard_note(const Shard& shard, std::int64_t number, std::int64_t batch) {
  const Range range = shard_range(shard, number, batch);
  const std::string source = shard.source.empty() ? "" : ", as " + shard.source + " says";
  const std::string name = "shard " + std::to_string(shard.k) + "/" + std::to_string(shard.count) + source;
  if (range.first == range.last)
    return name + ": no structures; " + std::to_string(number) + " of them are " +
           std::to_string((number + batch - 1) / batch) + " batches of " + std::to_string(batch) +
           ", and a shard has whole batches: take fewer shards or a smaller --batch";
  if (shard.source.empty()) return "";
  return name + ": structures " + std::to_string(range.first) + " to " + std::to_string(range.last);
}

}  // namespace crystalgrid
