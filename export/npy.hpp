// NumPy's .npy files: latent vectors are read from them, densities written to them.
#pragma once

#include <cstdint>
#include <cstdio>
#include <memory>
#include <string>
#include <vector>

namespace crystalgrid {

/// Rows of a .npy file of float32 or float64 [rows, columns], each read when it is asked for.
class NpyRows {
 public:
  /// Throws InputError if the file is missing, truncated, no such array, or has another number of columns.
  NpyRows(const std::string& path, std::int64_t columns);

  std::int64_t rows() const { return rows_; }

  /// Return the SHA-256 of the first `count` rows as they are read. Throws InputError for a value that is not finite,
  /// naming its row.
  std::string checksum(std::int64_t count) const;

  /// Read rows `first` to `first + count` into `out` [count][columns]; rows beyond the end of the file are zeros.
  void read(std::int64_t first, std::int64_t count, float* out) const;

 private:
  struct Close {
    void operator()(std::FILE* file) const { std::fclose(file); }
  };

  std::string read_header();
  void check_length() const;

  std::string path_;
  std::int64_t rows_ = 0, columns_;
  std::int64_t values_begin_ = 0;  // bytes
  std::int64_t item_size_ = 4;     // bytes
  std::unique_ptr<std::FILE, Close> file_;
};

/// Return the header of a .npy file with values of type `descr` ("<f4"). It has the same length for any shape, so that
/// it can be rewritten when the number of rows is known.
std::string npy_header(const std::string& descr, const std::vector<std::int64_t>& shape);

}  // namespace crystalgrid
