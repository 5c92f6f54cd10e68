// How far it is, on stderr: a bar on a terminal, a line every ten seconds in a log.
#pragma once

#include <unistd.h>

#include <chrono>
#include <cstdint>
#include <cstdio>
#include <string>

namespace crystalgrid {

class Progress {
 public:
  /// before: so many were done when this run began.
  Progress(std::int64_t total, std::int64_t before) : total_(total), before_(before) {}
  ~Progress() {
    if (terminal_ && said_) std::fputc('\n', stderr);
  }

  void done(std::int64_t count) {
    const auto now = Clock::now();
    const double seconds = std::chrono::duration<double>(now - start_).count(), rate = (count - before_) / seconds;
    if (terminal_) {
      const std::string bar(30 * count / total_, '#');
      std::fprintf(stderr, "\rsampling |%-30s| %lld of %lld, %.1f/s ", bar.c_str(), static_cast<long long>(count),
                   static_cast<long long>(total_), rate);
      said_ = true;
    } else if (now - last_ > std::chrono::seconds(10)) {
      std::fprintf(stderr, "sampling: %lld of %lld, %.1f/s\n", static_cast<long long>(count),
                   static_cast<long long>(total_), rate);
      last_ = now;
    }
  }

 private:
  using Clock = std::chrono::steady_clock;
  std::int64_t total_, before_;
  bool terminal_ = isatty(STDERR_FILENO) != 0, said_ = false;
  Clock::time_point start_ = Clock::now(), last_ = start_;
};

}  // namespace crystalgrid
