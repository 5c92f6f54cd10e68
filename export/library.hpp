// A library on disk: its structures in the order of their index, and a manifest that says what it is and how far.
#pragma once

#include <array>
#include <chrono>
#include <cstdint>
#include <filesystem>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "filters.hpp"
#include "folder_lock.hpp"
#include "frames.hpp"
#include "json.hpp"
#include "options.hpp"
#include "part_file.hpp"
#include "shard.hpp"

namespace crystalgrid {

/// The folder that shards are made in holds nothing but those of one library: all of so many, with these settings.
/// Throws InputError where it does.
void check_parts(const std::filesystem::path& folder, const Shard& shard, const Json& settings);

/// Grows batch by batch. What the manifest counts is whole on disk, whatever happens: a run that goes on cuts the files
/// to the sizes in it, and so repeats nothing and leaves nothing out.
class Library {
 public:
  /// Make the folder of a new library, or open one to go on. `settings` is all that decides what is in it. Throws
  /// InputError where the folder has other content, or a library with other settings.
  Library(const std::filesystem::path& folder, const Options& options, const Grid& grid, Range range, Json settings);

  std::int64_t next() const { return next_; }  ///< the structure to make next
  std::int64_t kept() const { return kept_; }
  std::int64_t empty() const { return empty_; }
  std::int64_t removed() const;
  const std::filesystem::path& folder() const { return folder_; }
  bool finished() const { return finished_; }

  /// Append the structures of a batch, those of cubes 0 to `count`, the first of which is `next()`. density:
  /// [count][n³].
  void append(const Atoms& atoms, const float* density, std::int64_t count, const Origin& origin);

  /// Bring files and manifest to the disk.
  void save();

  /// Give the files their names.
  void finish();

 private:
  std::array<std::uintmax_t, 4> load(const Json& manifest);  // returns the sizes of the files
  Json manifest() const;
  std::string density_header() const;
  void finish_densities();

  std::filesystem::path folder_;
  Grid grid_;
  Range range_;
  Filters filters_;
  Json settings_;
  std::unique_ptr<FolderLock> lock_;
  std::int64_t next_, kept_ = 0, empty_ = 0;
  std::vector<std::int64_t> removed_;  // by filter
  std::uintmax_t npz_size_ = 0;
  bool finished_ = false;
  std::optional<PartFile> frames_, blocks_, densities_, indices_;
  std::chrono::steady_clock::time_point saved_ = std::chrono::steady_clock::now();
};

}  // namespace crystalgrid
