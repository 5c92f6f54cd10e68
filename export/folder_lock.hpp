// A folder that one process writes to at a time.
#pragma once

#include <filesystem>

namespace crystalgrid {

/// Of a file in the folder by which processes tell whether another is writing there.
constexpr const char* kLockName = ".lock";

class FolderLock {
 public:
  /// Throws InputError where another process has the folder's lock, or it cannot be had.
  explicit FolderLock(const std::filesystem::path& folder);
  ~FolderLock();
  FolderLock(const FolderLock&) = delete;
  FolderLock& operator=(const FolderLock&) = delete;

 private:
  std::filesystem::path path_;
  int file_;
};

}  // namespace crystalgrid
