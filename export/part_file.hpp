// A file that has its final name only when it is whole; until then it ends in .part.
#pragma once

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <string_view>

#include "descriptor.hpp"

namespace crystalgrid {

class PartFile {
 public:
  /// Continue a file after its first `size` bytes and drop the rest; 0: begin a new one. Throws InputError if the file
  /// is shorter or cannot be opened.
  PartFile(std::filesystem::path path, std::uintmax_t size);

  /// Append all bytes, or none of them and throw InputError (if no space is left, say).
  void append(const void* data, std::size_t size);
  /// Replace the first bytes of the file.
  void rewrite_start(std::string_view text);
  /// Bring what was written to the disk, so that it survives a crash of the machine.
  void sync();
  /// Give the file its final name.
  void finish();
  std::uintmax_t size() const { return size_; }

 private:
  int open() const;
  void write(const char* data, std::size_t size, std::uintmax_t at);
  [[noreturn]] void fail(const char* action) const;

  std::filesystem::path path_, part_;
  Descriptor file_;
  std::uintmax_t size_;
};

}  // namespace crystalgrid
