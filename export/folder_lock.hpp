// A folder that one process writes to at a time.
#pragma once

#include <filesystem>

#include "descriptor.hpp"

namespace crystalgrid {

/// The file in the folder by which processes tell whether another one is writing there.
inline constexpr const char* kLockName = ".lock";

class FolderLock {
 public:
  /// Throws InputError if another process holds the folder's lock, or the folder cannot be written to.
  explicit FolderLock(const std::filesystem::path& folder);
  ~FolderLock();
  FolderLock(const FolderLock&) = delete;
  FolderLock& operator=(const FolderLock&) = delete;

 private:
  std::filesystem::path path_;
  Descriptor file_;
};

}  // namespace crystalgrid
