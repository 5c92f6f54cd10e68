#include "part_file.hpp"

#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <utility>

#include "errors.hpp"

namespace crystalgrid {

PartFile::PartFile(std::filesystem::path path, std::uintmax_t size)
    : path_(std::move(path)), part_(path_.string() + ".part"), size_(size) {
  std::error_code error;
  if (!std::filesystem::exists(part_, error) && std::filesystem::exists(path_, error))
    std::filesystem::rename(path_, part_, error);  // stopped while finishing
  file_.reset(std::fopen(part_.c_str(), "ab"));
  if (!file_) fail("opened");
  if (std::filesystem::file_size(part_, error) < size || error)
    throw InputError(part_.string() + ": shorter than its manifest says; the library cannot go on from it");
  if (ftruncate(fileno(file_.get()), static_cast<off_t>(size)) != 0) fail("cut to the records that are whole");
}

void PartFile::append(const void* data, std::size_t size) {
  if (std::fwrite(data, 1, size, file_.get()) != size || std::fflush(file_.get()) != 0) {
    const int reason = errno;
    if (ftruncate(fileno(file_.get()), static_cast<off_t>(size_)) != 0) errno = reason;
    errno = reason;
    fail("written");
  }
  size_ += size;
}

void PartFile::sync() {
  if (fsync(fileno(file_.get())) != 0) fail("written");
}

void PartFile::finish() {
  sync();
  std::error_code error;
  std::filesystem::rename(part_, path_, error);
  if (error) throw InputError(path_.string() + ": cannot be renamed from " + part_.string() + ": " + error.message());
}

void PartFile::fail(const char* doing) const {
  throw InputError(part_.string() + ": cannot be " + doing + ": " + std::strerror(errno));
}

}  // namespace crystalgrid
