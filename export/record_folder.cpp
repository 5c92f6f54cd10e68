#include "record_folder.hpp"

#include <fcntl.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <iterator>
#include <system_error>
#include <utility>

#include "descriptor.hpp"
#include "errors.hpp"

namespace crystalgrid {

namespace fs = std::filesystem;

RecordFolder::RecordFolder(fs::path path, std::int64_t files) : path_(std::move(path)) {
  std::error_code error;
  fs::create_directories(path_, error);
  if (error) throw InputError(path_.string() + ": cannot be made: " + error.message());
  const auto found = std::distance(fs::directory_iterator(path_, error), fs::directory_iterator());
  if (found < files)
    throw InputError(path_.string() + ": wanted the " + std::to_string(files) +
                     " files that the manifest counts, got " + std::to_string(found) +
                     "; the library cannot go on from it");
}

void RecordFolder::write(const std::string& name, const std::string& content) const {
  const std::string path = path_ / name;
  const Descriptor file(::open(path.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0666));
  errno = file < 0 ? errno : ENOSPC;  // which a write that stops in the middle does not set
  if (file < 0 || ::write(file, content.data(), content.size()) != static_cast<ssize_t>(content.size()))
    throw InputError(path + ": cannot be written: " + std::strerror(errno));
}

void RecordFolder::sync() const {
#ifdef __linux__
  const Descriptor folder(::open(path_.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (folder < 0 || ::syncfs(folder) != 0)  // one call for thousands of files
    throw InputError(path_.string() + ": cannot be written: " + std::strerror(errno));
#else
  ::sync();
#endif
}

}  // namespace crystalgrid
