// NumPy's files: latent vectors are read from them, densities written to them.
#pragma once

#include <cstdint>
#include <cstdio>
#include <filesystem>
#include <memory>
#include <span>
#include <string>
#include <vector>

namespace crystalgrid {

/// Rows of a .npy file of float32 or float64 [rows, columns], read as they are wanted.
class NpyRows {
 public:
  /// Throws InputError where the file is missing, no such array, truncated, or has another number of columns.
  NpyRows(const std::string& path, std::int64_t columns);

  std::int64_t rows() const { return rows_; }

  /// SHA-256 of the first `count` rows as they are read. Throws InputError for a value that is not finite, naming its
  /// row.
  std::string checksum(std::int64_t count) const;

  /// Rows `first` to `first + count` into `out` [count][columns]; those beyond the end are zeros.
  void read(std::int64_t first, std::int64_t count, float* out) const;

 private:
  struct Close {
    void operator()(std::FILE* file) const { std::fclose(file); }
  };

  std::string path_;
  std::int64_t rows_ = 0, columns_, begin_ = 0;
  std::size_t item_ = 4;
  std::unique_ptr<std::FILE, Close> file_;
};

/// Header of a .npy file with values of type `descr` ("<f4"), of the same length for any shape.
std::string npy_header(const std::string& descr, const std::vector<std::int64_t>& shape);

/// Member of an .npz file: its name without the ending, the header, and the file that its values lie in.
struct NpzMember {
  std::string name, header;
  std::filesystem::path values;
};

/// What an .npz file begins with, before the values of its first member.
std::string npz_start(const std::string& name, const std::string& header);

/// Make an .npz file (a zip that compresses nothing, of any size) of the first member's file, in which the values lie
/// behind an `npz_start`; the others are appended. Throws InputError where that fails; the values are untouched.
void finish_npz(std::span<const NpzMember> members);

}  // namespace crystalgrid
