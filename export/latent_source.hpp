// The latent vectors of a library by index: the rows of a file, or drawn from (seed, index) alone.
#pragma once

#include <cstdint>
#include <optional>

#include "json.hpp"
#include "npy.hpp"
#include "options.hpp"

namespace crystalgrid {

class LatentSource {
 public:
  /// Throws InputError if the options ask for more structures than the file has rows, or for more of the best than
  /// are drawn.
  LatentSource(const Options& options, std::int64_t latent_dim);

  /// Return the number of structures of the library.
  std::int64_t number() const;

  /// Return the length of a vector.
  std::int64_t dim() const { return latent_dim_; }

  /// SHA-256 of the rows of the file, all of which are read and must be finite; null if there is no file.
  Json checksum() const;

  /// Write vectors `first` to `first + count` to z [count][latent_dim], times the temperature. Beyond the rows of a
  /// file they are zeros.
  void read(std::int64_t first, std::int64_t count, float* z) const;

 private:
  std::optional<std::int64_t> number_;
  std::int64_t seed_, latent_dim_;
  float temperature_;
  std::optional<NpyRows> rows_;
};

}  // namespace crystalgrid
