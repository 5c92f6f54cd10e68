#include "latents.hpp"

#include <algorithm>
#include <cmath>
#include <numbers>

namespace crystalgrid {
namespace {

// Logarithm, sine and cosine by series of basic operations, which IEEE 754 rounds the same everywhere; libraries differ
// in the last bit. The series are good to 1e-11, far below the rounding to float.

/// Natural logarithm of u in (0, 1), from ln m = 2 artanh((m - 1) / (m + 1)) with m in [1/2, 1).
double logarithm(double u) {
  int exponent;
  const double m = std::frexp(u, &exponent), s = (m - 1) / (m + 1), s2 = s * s;
  double sum = 0;
  for (int k = 10; k >= 0; --k) sum = sum * s2 + 1.0 / (2 * k + 1);
  return exponent * std::numbers::ln2 + 2 * s * sum;
}

struct Direction {
  double cosine, sine;
};

/// The direction of a word: its upper two bits choose the quarter turn, the others an angle in (-π/4, π/4).
Direction direction(std::uint32_t word) {
  const double a = ((word & 0x3fffffffu) + 0.5 - 0x1p29) * 0x1p-30 * (std::numbers::pi / 2), a2 = a * a;
  double cosine = 1, sine = 1;
  for (int k = 6; k >= 1; --k) {
    cosine = 1 - a2 * cosine / ((2 * k - 1) * (2 * k));
    sine = 1 - a2 * sine / ((2 * k) * (2 * k + 1));
  }
  sine *= a;
  switch (word >> 30) {
    case 0:
      return {cosine, sine};
    case 1:
      return {-sine, cosine};
    case 2:
      return {-cosine, -sine};
    default:
      return {sine, -cosine};
  }
}

}  // namespace

Words philox(Words c, std::array<std::uint32_t, 2> key) {
  for (int round = 0; round < 10; ++round) {
    const std::uint64_t p0 = 0xD2511F53ull * c[0], p1 = 0xCD9E8D57ull * c[2];
    c = {static_cast<std::uint32_t>(p1 >> 32) ^ c[1] ^ key[0], static_cast<std::uint32_t>(p1),
         static_cast<std::uint32_t>(p0 >> 32) ^ c[3] ^ key[1], static_cast<std::uint32_t>(p0)};
    key = {key[0] + 0x9E3779B9u, key[1] + 0xBB67AE85u};
  }
  return c;
}

void latent(std::uint64_t seed, std::uint64_t index, std::int64_t dim, float* z) {
  const std::array key{static_cast<std::uint32_t>(seed), static_cast<std::uint32_t>(seed >> 32)};
  for (std::int64_t first = 0; first < dim; first += 4) {
    const Words words = philox({static_cast<std::uint32_t>(first / 4), 0, static_cast<std::uint32_t>(index),
                                static_cast<std::uint32_t>(index >> 32)},
                               key);
    std::array<float, 4> normals;
    for (int pair = 0; pair < 4; pair += 2) {  // Box and Muller 1958
      const double radius = std::sqrt(-2 * logarithm((words[pair] + 0.5) * 0x1p-32));
      const Direction d = direction(words[pair + 1]);
      normals[pair] = static_cast<float>(radius * d.cosine);
      normals[pair + 1] = static_cast<float>(radius * d.sine);
    }
    std::copy_n(normals.begin(), std::min<std::int64_t>(4, dim - first), z + first);
  }
}

}  // namespace crystalgrid
