#include "output_folder.hpp"

#include <string>
#include <system_error>

#include "errors.hpp"
#include "manifest.hpp"

namespace crystalgrid {
namespace {

namespace fs = std::filesystem;

/// Files that a run leaves in the folder if it is stopped before its first manifest is whole.
bool is_left_over(const std::string& name) { return name == kLockName || name == replacement_of(kManifestName); }

}  // namespace

fs::path shard_folder(const fs::path& out, const Shard& shard) {
  if (shard.count == 1) return out;
  const std::string count = std::to_string(shard.count), k = std::to_string(shard.k);
  return out / ("shard-" + std::string(count.size() - k.size(), '0') + k + "-of-" + count);
}

bool holds_library(const fs::path& folder, bool resume) {
  std::error_code error;
  if (!fs::exists(folder, error)) return false;
  if (!fs::is_directory(folder, error))
    throw InputError(folder.string() + ": wanted a folder to write to, but a file has that name");
  if (fs::exists(folder / kManifestName, error)) {
    if (resume) return true;
    throw InputError(folder.string() + ": holds a library; --resume goes on with it, or choose another folder");
  }
  bool empty = true;
  for (const fs::directory_entry& entry : fs::directory_iterator(folder, error)) {
    const std::string name = entry.path().filename();
    if (name.starts_with("shard-"))
      throw InputError(folder.string() + ": holds " + name + " of a library; --shard K/N goes on with a part of it");
    empty = empty && is_left_over(name);
  }
  if (!empty)
    throw InputError(folder.string() + ": the output folder exists and is not empty; choose another or remove it");
  return false;
}

std::unique_ptr<FolderLock> lock_folder(const fs::path& folder, bool resume) {
  holds_library(folder, resume);
  std::error_code error;
  fs::create_directories(folder, error);
  if (error) throw InputError(folder.string() + ": the output folder cannot be made: " + error.message());
  return std::make_unique<FolderLock>(folder);
}

void check_shards(const fs::path& out, const Shard& shard, const Json& settings) {
  if (const Json* best = settings.find("best"); best && !std::holds_alternative<std::nullptr_t>(best->value))
    throw InputError("--best: wanted one process, got one of " + std::to_string(shard.count) +
                     " shards, whose likeliest crystals are not those of the library");
  std::error_code error;
  for (const fs::directory_entry& entry : fs::directory_iterator(out, error)) {
    const fs::path manifest = entry.path() / kManifestName;
    const std::string name = entry.path().filename();
    const bool is_library = name == kManifestName || name.starts_with("samples.") || name.starts_with("crystals.");
    if (!name.starts_with("shard-") && !is_library) continue;  // a log, for instance
    if (is_library || !name.ends_with("-of-" + std::to_string(shard.count)))
      throw InputError(out.string() + ": wanted a folder with nothing but the " + std::to_string(shard.count) +
                       " shards of this library, it has " + name +
                       "; --shard K/N says which shard of how many this is");
    if (!fs::exists(manifest, error)) continue;
    Json::Object common = std::get<Json::Object>(settings.value);
    common.erase("shard");
    const Json other = read_manifest(manifest);
    try {
      check_same_settings({common}, other.at("settings"));
    } catch (const InputError& different) {
      throw InputError(manifest.string() + ": " + different.what());
    }
  }
}

}  // namespace crystalgrid
