#include "part_file.hpp"

#include <fcntl.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <utility>

#include "errors.hpp"

namespace crystalgrid {

PartFile::PartFile(std::filesystem::path path, std::uintmax_t size)
    : path_(std::move(path)), part_(path_.string() + ".part"), file_(open()), size_(size) {
  if (file_ < 0) fail("opened");
  std::error_code error;
  if (std::filesystem::file_size(part_, error) < size || error)
    throw InputError(part_.string() + ": shorter than its manifest says; the library cannot go on from it");
  if (ftruncate(file_, static_cast<off_t>(size)) != 0) fail("cut to the records that are whole");
}

int PartFile::open() const {
  std::error_code error;
  if (!std::filesystem::exists(part_, error) && std::filesystem::exists(path_, error))
    std::filesystem::rename(path_, part_, error);  // an earlier run stopped while it finished its files
  return ::open(part_.c_str(), O_WRONLY | O_CREAT | O_CLOEXEC, 0666);
}

void PartFile::append(const void* data, std::size_t size) {
  write(static_cast<const char*>(data), size, size_);
  size_ += size;
}

void PartFile::rewrite_start(std::string_view text) { write(text.data(), text.size(), 0); }

void PartFile::write(const char* data, std::size_t size, std::uintmax_t at) {
  while (size > 0) {
    const ssize_t written = ::pwrite(file_, data, size, static_cast<off_t>(at));
    if (written < 0 && errno == EINTR) continue;
    if (written < 0) {
      const int reason = errno;
      [[maybe_unused]] const int cut = ftruncate(file_, static_cast<off_t>(size_));  // --resume cuts it in any case
      errno = reason;
      fail("written");
    }
    data += written, size -= static_cast<std::size_t>(written), at += static_cast<std::uintmax_t>(written);
  }
}

void PartFile::sync() {
  if (fsync(file_) != 0) fail("written");
}

void PartFile::finish() {
  sync();
  std::error_code error;
  std::filesystem::rename(part_, path_, error);
  if (error) throw InputError(path_.string() + ": cannot be renamed from " + part_.string() + ": " + error.message());
}

void PartFile::fail(const char* action) const {
  throw InputError(part_.string() + ": cannot be " + action + ": " + std::strerror(errno));
}

}  // namespace crystalgrid
