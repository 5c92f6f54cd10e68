// Work split by cube: each index is done by one thread, so results do not depend on how many there are.
#pragma once

#include <algorithm>
#include <atomic>
#include <cstdint>
#include <exception>
#include <mutex>
#include <thread>
#include <vector>

namespace crystalgrid {

/// Call `work(i, scratch)` for i in [0, count), each thread with a `Scratch` of its own. The first exception is
/// rethrown.
template <class Scratch, class Work>
void parallel_for(std::int64_t count, int threads, const Work& work) {
  const std::int64_t thread_count = threads > 0 ? threads : std::max(1u, std::thread::hardware_concurrency());
  std::atomic<std::int64_t> next{0};
  std::exception_ptr failure;
  std::mutex guard;
  const auto run = [&] {
    try {
      Scratch scratch;
      for (std::int64_t i; (i = next++) < count;) work(i, scratch);
    } catch (...) {
      const std::lock_guard lock(guard);
      if (!failure) failure = std::current_exception();
      next = count;
    }
  };
  {
    std::vector<std::jthread> others;
    for (std::int64_t t = 1; t < std::min(thread_count, count); ++t) others.emplace_back(run);
    run();
  }
  if (failure) std::rethrow_exception(failure);
}

}  // namespace crystalgrid
