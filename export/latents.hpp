// Latent vectors from (seed, index) alone: any order, any shard and any restart give the same ones.
#pragma once

#include <array>
#include <cstdint>

namespace crystalgrid {

using Words = std::array<std::uint32_t, 4>;

/// Philox4x32-10 of Salmon et al. 2011: four random words from a counter and a key.
Words philox(Words counter, std::array<std::uint32_t, 2> key);

/// Write latent `index` of the library `seed`: z [dim], independent standard normals. README.md defines it to the last
/// bit.
void latent(std::uint64_t seed, std::uint64_t index, std::int64_t dim, float* z);

}  // namespace crystalgrid
