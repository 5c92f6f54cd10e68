// Shared by the tests: checks that count their failures, and errors caught as text.
#pragma once

#include <cmath>
#include <cstdio>
#include <string>

#include "errors.hpp"

inline int failures = 0;

/// Report a condition that does not hold; the test goes on.
#define CHECK(condition) \
  if (!(condition)) ++failures, std::fprintf(stderr, "%s:%d: failed: %s\n", __FILE__, __LINE__, #condition)

/// Report values that differ by more than `tolerance`.
#define CHECK_NEAR(got, wanted, tolerance)                                                                          \
  if (const double difference = std::fabs(double(got) - double(wanted)); !(difference <= (tolerance)))              \
  ++failures, std::fprintf(stderr, "%s:%d: %s: wanted %.9g, got %.9g, which differs by %.3g\n", __FILE__, __LINE__, \
                           #got, double(wanted), double(got), difference)

/// The message of the InputError that `work` throws; empty if it throws none.
template <class Work>
std::string refusal(const Work& work) {
  try {
    work();
    return "";
  } catch (const crystalgrid::InputError& error) {
    return error.what();
  }
}

/// The exit code of a test.
inline int report() { return failures == 0 ? 0 : 1; }
