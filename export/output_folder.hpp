// The folder that a library is written to: what it may already hold.
#pragma once

#include <filesystem>
#include <memory>

#include "folder_lock.hpp"
#include "json.hpp"
#include "shard.hpp"

namespace crystalgrid {

/// The folder of a shard: `out` itself if the shard is the whole library.
std::filesystem::path shard_folder(const std::filesystem::path& out, const Shard& shard);

/// Return whether the folder holds a library that may be resumed. Throws InputError if it has other content, which is
/// never written over.
bool holds_library(const std::filesystem::path& folder, bool resume);

/// Make the folder if it does not exist, and lock it. Throws InputError where `holds_library` does, if the folder
/// cannot be made, or if another process writes to it.
std::unique_ptr<FolderLock> lock_folder(const std::filesystem::path& folder, bool resume);

/// Throws InputError if `out`, the folder of all shards, holds shards of another number or with other settings, or if
/// only a whole library can have these settings.
void check_shards(const std::filesystem::path& out, const Shard& shard, const Json& settings);

}  // namespace crystalgrid
