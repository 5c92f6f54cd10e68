#include "manifest.hpp"

#include <fcntl.h>

#include <cerrno>
#include <cstdio>
#include <cstring>
#include <fstream>
#include <sstream>
#include <string>

#include "descriptor.hpp"
#include "errors.hpp"

namespace crystalgrid {
namespace {

namespace fs = std::filesystem;

std::string one_line(const Json& value) {
  std::string text = value.dump();
  std::erase(text, '\n');
  return text;
}

/// Write a file and bring it to the disk. Returns whether that succeeded; errno says why not.
bool write_file(const fs::path& path, const std::string& text) {
  const Descriptor file(::open(path.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0666));
  errno = file < 0 ? errno : ENOSPC;  // which a write that stops in the middle does not set
  return file >= 0 && ::write(file, text.data(), text.size()) == static_cast<ssize_t>(text.size()) &&
         ::fsync(file) == 0;
}

}  // namespace

fs::path replacement_of(const fs::path& path) { return path.string() + ".new"; }

Json read_manifest(const fs::path& path) {
  const std::ifstream file(path);
  std::stringstream text;
  text << file.rdbuf();
  try {
    Json manifest = Json::parse(text.str());
    if (manifest.whole("format") != kManifestFormat)
      throw InputError("format " + std::to_string(manifest.whole("format")) + "; this program knows format " +
                       std::to_string(kManifestFormat));
    return manifest;
  } catch (const InputError& error) {
    throw InputError(path.string() + ": " + error.what());
  }
}

void write_manifest(const fs::path& path, const Json& manifest) {
  const fs::path replacement = replacement_of(path);
  if (write_file(replacement, manifest.dump() + "\n") && std::rename(replacement.c_str(), path.c_str()) == 0) return;
  const int reason = errno;
  std::error_code ignored;
  fs::remove(replacement, ignored);
  throw InputError(path.string() + ": cannot be written: " + std::strerror(reason));
}

void check_same_settings(const Json& now, const Json& before) {
  for (const auto& [key, value] : std::get<Json::Object>(now.value))
    if (const std::string was = one_line(before.at(key)), is = one_line(value); was != is)
      throw InputError("the library was made with " + key + " " + was + ", not " + is + "; give the same to resume");
}

}  // namespace crystalgrid
