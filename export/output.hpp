// What the sampler writes. A file has its final name only when it is whole; until then it ends in .part.
#pragma once

#include <cstdint>
#include <cstdio>
#include <filesystem>
#include <memory>
#include <string>

#include "crystalgrid/atoms.hpp"
#include "metadata.hpp"

namespace crystalgrid {

/// Make an output folder; one that exists with content is refused rather than written over.
void new_folder(const std::filesystem::path& path);

class PartFile {
 public:
  explicit PartFile(std::filesystem::path path);

  /// Append all bytes, or none of them and throw (no space left, say), so that the file always ends with a whole
  /// record.
  void append(const void* data, std::size_t size);
  void finish();  ///< give the file its name

 private:
  [[noreturn]] void fail(const char* doing) const;

  struct Close {
    void operator()(std::FILE* file) const { std::fclose(file); }
  };

  std::filesystem::path path_, part_;
  std::unique_ptr<std::FILE, Close> file_;
  std::uintmax_t size_ = 0;
};

/// Header of a .npy file of float32 [count][n][n][n].
std::string npy_header(std::int64_t count, int n);

/// One frame of extended XYZ: the atoms of cube b of `atoms`, which is structure `index` of the library `seed`.
std::string xyz_frame(const Atoms& atoms, std::int64_t b, std::int64_t index, std::int64_t seed, const Metadata& model);

}  // namespace crystalgrid
