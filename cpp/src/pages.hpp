// The memory that a batch is written to.
#pragma once

#include <cstdint>

#ifdef __linux__
#include <sys/mman.h>
#endif

namespace crystalgrid {

/// Ask for large pages where memory is not in use yet. For a batch of a few hundred cubes and more, which is fresh from
/// the system every time, to be given it 4 kB at a time takes longer than the sums.
template <class T>
void prefer_large_pages([[maybe_unused]] T* begin, [[maybe_unused]] std::int64_t count) {
#ifdef MADV_HUGEPAGE
  constexpr std::uintptr_t kLarge = 2 << 20;
  const std::uintptr_t first = (reinterpret_cast<std::uintptr_t>(begin) + kLarge - 1) / kLarge * kLarge;
  const std::uintptr_t last = reinterpret_cast<std::uintptr_t>(begin + count) / kLarge * kLarge;
  if (first < last) madvise(reinterpret_cast<void*>(first), last - first, MADV_HUGEPAGE);
#endif
}

}  // namespace crystalgrid
