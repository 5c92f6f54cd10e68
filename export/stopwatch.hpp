// Elapsed time.
#pragma once

#include <chrono>
#include <utility>

namespace crystalgrid {

class Stopwatch {
 public:
  /// Return the seconds since the last lap, or since the stopwatch was made.
  double lap() {
    const auto now = std::chrono::steady_clock::now();
    return std::chrono::duration<double>(now - std::exchange(last_, now)).count();
  }

 private:
  std::chrono::steady_clock::time_point last_ = std::chrono::steady_clock::now();
};

}  // namespace crystalgrid
