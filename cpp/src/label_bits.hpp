// Labels compared 32 at a time, with a bit for each.
#pragma once

#include <cstdint>
#include <cstring>

#ifdef __SSE2__
#include <emmintrin.h>
#endif

namespace crystalgrid {

constexpr int kWord = 32;  ///< labels that a word of bits stands for, the first its lowest bit

#ifdef __SSE2__
/// Return which of 16 labels are equal.
inline std::uint32_t equal_in_step(const std::uint8_t* u, const std::uint8_t* v) {
  const auto load = [](const std::uint8_t* p) { return _mm_loadu_si128(reinterpret_cast<const __m128i*>(p)); };
  return static_cast<std::uint32_t>(_mm_movemask_epi8(_mm_cmpeq_epi8(load(u), load(v))));
}
constexpr int kStep = 16;
#else
/// Return which of 8 labels are equal.
inline std::uint32_t equal_in_step(const std::uint8_t* u, const std::uint8_t* v) {
  constexpr std::uint64_t kLow = 0x7f7f7f7f7f7f7f7f, kGather = 0x0102040810204080;
  std::uint64_t a, b;
  std::memcpy(&a, u, 8);
  std::memcpy(&b, v, 8);
  const std::uint64_t unlike = a ^ b, zero_bytes = ~(((unlike & kLow) + kLow) | unlike | kLow);
  return static_cast<std::uint32_t>((zero_bytes >> 7) * kGather >> 56);
}
constexpr int kStep = 8;
#endif

/// Return which of 32 labels are equal.
inline std::uint32_t equal_bits(const std::uint8_t* u, const std::uint8_t* v) {
  std::uint32_t bits = 0;
  for (int i = 0; i < kWord; i += kStep) bits |= equal_in_step(u + i, v + i) << i;
  return bits;
}

/// Return which of 32 voxels have a label.
inline std::uint32_t labelled_bits(const std::uint8_t* labels) {
  static constexpr std::uint8_t kNone[kWord] = {};
  return ~equal_bits(labels, kNone);
}

}  // namespace crystalgrid
