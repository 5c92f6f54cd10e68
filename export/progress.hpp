// A progress report on stderr: a bar on a terminal, a line every ten seconds in a log.
#pragma once

#include <unistd.h>

#include <chrono>
#include <cstdint>
#include <cstdio>
#include <string>

namespace crystalgrid {

class Progress {
 public:
  /// before: how many of `total` were done when this run began.
  Progress(std::int64_t total, std::int64_t before) : total_(total), before_(before) {}
  ~Progress() {
    if (is_terminal_ && is_shown_) std::fputc('\n', stderr);
  }

  void show(std::int64_t count) {
    const auto now = Clock::now();
    const double seconds = std::chrono::duration<double>(now - start_).count(), rate = (count - before_) / seconds;
    if (is_terminal_) {
      const std::string bar(30 * count / total_, '#');
      std::fprintf(stderr, "\rsampling |%-30s| %lld of %lld, %.1f/s ", bar.c_str(), static_cast<long long>(count),
                   static_cast<long long>(total_), rate);
      is_shown_ = true;
    } else if (now - last_ > std::chrono::seconds(10)) {
      std::fprintf(stderr, "sampling: %lld of %lld, %.1f/s\n", static_cast<long long>(count),
                   static_cast<long long>(total_), rate);
      last_ = now;
    }
  }

 private:
  using Clock = std::chrono::steady_clock;
  std::int64_t total_, before_;
  bool is_terminal_ = isatty(STDERR_FILENO) != 0, is_shown_ = false;
  Clock::time_point start_ = Clock::now(), last_ = start_;
};

}  // namespace crystalgrid
