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
  struct stat here{}, there{};  // whoever had it may have removed it meanwhile, and another made a new one
  const bool same = fstat(file_, &here) == 0 && stat(path_.c_str(), &there) == 0 && here.st_ino == there.st_ino;
  if (locked && same) return;
  const bool taken = locked || reason == EWOULDBLOCK;
  ::close(file_);
  throw InputError(folder.string() + (taken ? std::string(": another process is writing it")
                                            : std::string(": cannot be locked: ") + std::strerror(reason)));
}

FolderLock::~FolderLock() {
  ::unlink(path_.c_str());  // while it is still held; who comes next makes a new one
  ::close(file_);
}

}  // namespace crystalgrid
