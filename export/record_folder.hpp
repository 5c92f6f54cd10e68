// A folder with one small file for each record of a library.
#pragma once

#include <cstdint>
#include <filesystem>
#include <string>

namespace crystalgrid {

/// Files have their final names at once. Those beyond what the manifest counts are written again, with the same
/// content, by a run that resumes.
class RecordFolder {
 public:
  /// Make the folder if it does not exist. Throws InputError if it cannot be made, or holds fewer than `files` files.
  RecordFolder(std::filesystem::path path, std::int64_t files);

  /// Write a file, in place of one of that name.
  void write(const std::string& name, const std::string& content) const;

  /// Bring all files to the disk.
  void sync() const;

 private:
  std::filesystem::path path_;
};

}  // namespace crystalgrid
