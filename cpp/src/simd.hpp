// Vectors in the compiler's own notation: one source for AVX-512, AVX2, SSE2 and NEON.
//
// The files that include this are compiled once per instruction set. Everything here is in an anonymous namespace, and
// they use no inline function of the standard library: the linker keeps one copy of such a function for the whole
// program, and it could keep the copy that only a newer processor can run.
#pragma once

#include <cstdint>

#ifdef __AVX2__
#include <immintrin.h>
#endif

namespace crystalgrid {
namespace {

#ifdef __AVX2__
constexpr int kVectorBytes = 32;
#else
constexpr int kVectorBytes = 16;
#endif

template <class T>
struct Simd {
  static constexpr int kLanes = kVectorBytes / sizeof(T);
  typedef T Vector __attribute__((vector_size(kVectorBytes), may_alias));
};

template <class T>
using Vector = typename Simd<T>::Vector;

template <class T>
inline Vector<T> load(const T* p) {
  Vector<T> v;
  __builtin_memcpy(&v, p, sizeof v);
  return v;
}

template <class T>
inline void store(T* p, Vector<T> v) {
  __builtin_memcpy(p, &v, sizeof v);
}

/// Store the first `count` lanes, fewer than all, in pieces of 4, 2 and 1.
template <class T>
inline void store_first(T* p, Vector<T> v, int count) {
  T lanes[Simd<T>::kLanes];
  store(lanes, v);
  const T* from = lanes;
  if constexpr (Simd<T>::kLanes > 4)
    if (count & 4) __builtin_memcpy(p, from, 4 * sizeof(T)), p += 4, from += 4;
  if constexpr (Simd<T>::kLanes > 2)
    if (count & 2) __builtin_memcpy(p, from, 2 * sizeof(T)), p += 2, from += 2;
  if (count & 1) *p = *from;
}

/// Load the first `count` lanes, the others zero.
template <class T>
inline Vector<T> load_first(const T* p, int count) {
  if (count == Simd<T>::kLanes) return load(p);
  Vector<T> v{};
  for (int lane = 0; lane < count; ++lane) v[lane] = p[lane];
  return v;
}

template <class T>
inline Vector<T> broadcast(T x) {
  return x - Vector<T>{};
}

template <class T>
inline Vector<T> larger(Vector<T> u, Vector<T> v) {
  return u > v ? u : v;
}

/// The lanes where u < v, which `append` moves to the front of a vector and writes to a list. A list needs room for a
/// whole vector after its last entry.
template <class T>
struct LanesWhereLess {
  int count = 0;
  int lanes[Simd<T>::kLanes];

  LanesWhereLess(Vector<T> u, Vector<T> v) {
    for (int lane = 0; lane < Simd<T>::kLanes; ++lane) {
      lanes[count] = lane;
      count += u[lane] < v[lane];
    }
  }
  template <class U>
  void append(const U* from, U* list) const {
    for (int i = 0; i < count; ++i) list[i] = from[lanes[i]];
  }
};

#ifdef __AVX2__
/// For each mask of eight lanes, the indices of its set lanes, a byte each, lowest first.
struct Compaction {
  std::uint64_t lanes[256];

  constexpr Compaction() : lanes{} {
    for (int mask = 0; mask < 256; ++mask)
      for (int lane = 0, count = 0; lane < 8; ++lane)
        if (mask >> lane & 1) lanes[mask] |= static_cast<std::uint64_t>(lane) << (8 * count++);
  }
};
constexpr Compaction kCompaction;

template <>
struct LanesWhereLess<float> {
  int count;
  __m256i lanes;

  LanesWhereLess(Vector<float> u, Vector<float> v) {
    const int mask = _mm256_movemask_ps(_mm256_cmp_ps((__m256)u, (__m256)v, _CMP_LT_OQ));
    count = __builtin_popcount(mask);
    lanes = _mm256_cvtepu8_epi32(_mm_cvtsi64_si128(static_cast<long long>(kCompaction.lanes[mask])));
  }
  template <class U>
  void append(const U* from, U* list) const {
    const __m256i values = _mm256_loadu_si256(reinterpret_cast<const __m256i*>(from));
    _mm256_storeu_si256(reinterpret_cast<__m256i*>(list), _mm256_permutevar8x32_epi32(values, lanes));
  }
};
#endif

/// 2^x for x <= 0, within 2e-7 of itself down to 2^-126, where it stays.
inline Vector<float> exp2(Vector<float> x) {
  using Bits = Simd<std::int32_t>::Vector;
  x = larger<float>(x, broadcast(-126.0f));
  const Vector<float> shifted = x + 12582912.0f;  // 1.5·2²³: adding it rounds x to a whole number in the low bits
  const Vector<float> f = x - (shifted - 12582912.0f);
  // Taylor's series of 2^f: seven terms leave 1.2e-7 at f = ±½.
  Vector<float> p = broadcast(1.5403530e-4f);
  p = p * f + 1.3333558e-3f;
  p = p * f + 9.6181291e-3f;
  p = p * f + 5.5504109e-2f;
  p = p * f + 2.4022651e-1f;
  p = p * f + 6.9314718e-1f;
  p = p * f + 1.0f;
  return (Vector<float>)((Bits)p + ((Bits)shifted << 23));
}

inline Vector<double> exp2(Vector<double> x) {
  for (int lane = 0; lane < Simd<double>::kLanes; ++lane) x[lane] = __builtin_exp2(x[lane]);
  return x;
}

}  // namespace
}  // namespace crystalgrid
