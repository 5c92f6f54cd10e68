#include "folder_lock.hpp"

#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>

#include "errors.hpp"

namespace crystalgrid {

FolderLock::FolderLock(const std::filesystem::path& folder)
    : path_(folder / kLockName), file_(::open(path_.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0666)) {
  if (file_ < 0) throw InputError(folder.string() + ": cannot be written to: " + std::strerror(errno));
  const bool locked = flock(file_, LOCK_EX | LOCK_NB) == 0;
  const int reason = errno;
  // The process that held the lock may have removed the file meanwhile, and another one may have made a new file.
  struct stat opened{}, named{};
  const bool same = fstat(file_, &opened) == 0 && stat(path_.c_str(), &named) == 0 && opened.st_ino == named.st_ino;
  if (locked && same) return;
  const bool taken = locked || reason == EWOULDBLOCK;
  throw InputError(folder.string() + (taken ? std::string(": another process is writing it")
                                            : std::string(": cannot be locked: ") + std::strerror(reason)));
}

FolderLock::~FolderLock() {
  ::unlink(path_.c_str());  // while the lock is still held; the next process makes a new file
}

}  // namespace crystalgrid
