// Vectors in the compiler's own notation: one source for AVX-512, AVX2, SSE2 and NEON.
//
// Kernels that include this are compiled once per instruction set. Everything here is in an anonymous namespace, and
// they use no inline function of the standard library: the linker keeps one copy of such a function for the whole
// program, and it could keep the copy that only a newer processor can run.
#pragma once

#include <cstdint>

#ifdef __SSE__
#include <immintrin.h>
#endif

namespace crystalgrid {
namespace {

#ifdef __AVX2__
constexpr int kVectorBytes = 32;
#else
constexpr int kVectorBytes = 16;
#endif

template <class T, int kBytes = kVectorBytes>
struct Simd {
  static constexpr int kLanes = kBytes / sizeof(T);
  typedef T Vector __attribute__((vector_size(kBytes), may_alias));
};

template <class T>
using Vector = typename Simd<T>::Vector;

/// Lists are made with longer vectors where a processor can move chosen lanes to the front.
#ifdef __AVX512F__
template <class T>
using Wide = Simd<T, sizeof(T) == 4 ? 64 : kVectorBytes>;
#else
template <class T>
using Wide = Simd<T>;
#endif

template <class T>
using WideVector = typename Wide<T>::Vector;

template <class T>
inline Vector<T> load(const T* p) {
  Vector<T> v;
  __builtin_memcpy(&v, p, sizeof v);
  return v;
}

template <class T>
inline WideVector<T> load_wide(const T* p) {
  WideVector<T> v;
  __builtin_memcpy(&v, p, sizeof v);
  return v;
}

template <class T, class V>
inline void store(T* p, V v) {
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
inline WideVector<T> broadcast_wide(T x) {
  return x - WideVector<T>{};
}

template <class V>
inline V larger(V u, V v) {
  return u > v ? u : v;
}

inline int at_most(int i, int n) { return i < n ? i : n; }

/// The lanes where u < v, which `append` moves to the front of a vector and writes to a list. A list needs room for a
/// whole vector after its last entry.
template <class T>
struct LanesWhereLess {
  int count = 0;
  int lanes[Wide<T>::kLanes];

  LanesWhereLess(WideVector<T> u, WideVector<T> v) {
    for (int lane = 0; lane < Wide<T>::kLanes; ++lane) {
      lanes[count] = lane;
      count += u[lane] < v[lane];
    }
  }
  template <class U>
  void append(const U* from, U* list) const {
    for (int i = 0; i < count; ++i) list[i] = from[lanes[i]];
  }
};

#ifdef __AVX512F__
template <>
struct LanesWhereLess<float> {
  int count;
  __mmask16 lanes;

  LanesWhereLess(WideVector<float> u, WideVector<float> v)
      : lanes(_mm512_cmp_ps_mask((__m512)u, (__m512)v, _CMP_LT_OQ)) {
    count = __builtin_popcount(lanes);
  }
  template <class U>
  void append(const U* from, U* list) const {
    _mm512_storeu_si512(list, _mm512_maskz_compress_epi32(lanes, _mm512_loadu_si512(from)));
  }
};
#elif defined(__AVX2__)
/// A table that lists, for each mask of eight lanes, the indices of its set lanes, a byte each, lowest first.
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

/// 2^x for x <= 0, within 2.2e-7 of itself down to 2^-126, where it stays.
inline Vector<float> exp2(Vector<float> x) {
  using Bits = Simd<std::int32_t>::Vector;
  x = larger(x, broadcast(-126.0f));
  const Vector<float> shifted = x + 12582912.0f;  // 1.5·2²³: adding it rounds x to a whole number in the low bits
  const Vector<float> f = x - (shifted - 12582912.0f);
  // The polynomial of degree 5 whose largest relative error over f = -½ to ½ is least: 7.5e-8.
  Vector<float> p = broadcast(1.32764720e-3f);
  p = p * f + 9.67554150e-3f;
  p = p * f + 5.55071328e-2f;
  p = p * f + 2.40221197e-1f;
  p = p * f + 6.93146967e-1f;
  p = p * f + 1.00000007f;
  return (Vector<float>)((Bits)p + ((Bits)shifted << 23));
}

inline Vector<double> exp2(Vector<double> x) {
  for (int lane = 0; lane < Simd<double>::kLanes; ++lane) x[lane] = __builtin_exp2(x[lane]);
  return x;
}

}  // namespace
}  // namespace crystalgrid
