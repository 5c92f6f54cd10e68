// manifest.json of a library: its settings, and how much of it is done.
#pragma once

#include <cstdint>
#include <filesystem>

#include "json.hpp"

namespace crystalgrid {

inline constexpr const char* kManifestName = "manifest.json";
inline constexpr std::int64_t kManifestFormat = 2;

/// Return the path at which the next version of a file is written before it replaces the file.
std::filesystem::path replacement_of(const std::filesystem::path& path);

/// Throws InputError, naming the file, if it is not JSON or of another format.
Json read_manifest(const std::filesystem::path& path);

/// Replace a manifest in one step: if the machine stops, the file has either its old content or all of the new.
void write_manifest(const std::filesystem::path& path, const Json& manifest);

/// Throws InputError, naming both values, unless a library that was made with `before` has the settings `now`.
void check_same_settings(const Json& now, const Json& before);

}  // namespace crystalgrid
