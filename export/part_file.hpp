// A file that has its final name only when it is whole; until then it ends in .part.
#pragma once

#include <cstdint>
#include <cstdio>
#include <filesystem>
#include <memory>

namespace crystalgrid {

class PartFile {
 public:
  /// Go on after the first `size` bytes of what is there, and drop the rest; 0: a new file. Throws InputError where it
  /// is shorter or cannot be opened.
  PartFile(std::filesystem::path path, std::uintmax_t size);

  /// Append all bytes, or none of them and throw (no space left, say).
  void append(const void* data, std::size_t size);
  void sync();    ///< what was appended outlives the machine
  void finish();  ///< give the file its name
  std::uintmax_t size() const { return size_; }
  const std::filesystem::path& path() const { return path_; }
  const std::filesystem::path& part() const { return part_; }

 private:
  [[noreturn]] void fail(const char* doing) const;

  struct Close {
    void operator()(std::FILE* file) const { std::fclose(file); }
  };

  std::filesystem::path path_, part_;
  std::unique_ptr<std::FILE, Close> file_;
  std::uintmax_t size_;
};

}  // namespace crystalgrid
