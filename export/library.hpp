// A library on disk: its structures in the order of their index, and a manifest that says what it is and how much of it
// is done.
#pragma once

#include <array>
#include <chrono>
#include <cstdint>
#include <filesystem>
#include <memory>
#include <optional>

#include "filters.hpp"
#include "folder_lock.hpp"
#include "frames.hpp"
#include "json.hpp"
#include "options.hpp"
#include "part_file.hpp"
#include "shard.hpp"

namespace crystalgrid {

/// Grows batch by batch. What the manifest counts is whole on disk, whatever happens: a run that resumes cuts the files
/// to the sizes in the manifest, and so repeats nothing and leaves nothing out.
class Library {
 public:
  /// Make the folder of a new library, or open one to resume it. `settings` is all that decides what is in the library.
  /// Throws InputError if the folder has other content, or a library with other settings.
  Library(const std::filesystem::path& folder, const Options& options, const Grid& grid, Range range, Json settings);

  std::int64_t next() const { return next_; }  ///< index of the structure to make next
  std::int64_t kept() const { return kept_; }
  std::int64_t empty() const { return empty_; }
  std::int64_t removed() const;
  const std::filesystem::path& folder() const { return folder_; }
  bool finished() const { return finished_; }

  /// Append the structures of a batch, those of cubes 0 to `count`, the first of which is `next()`. density:
  /// [count][n³].
  void append(const Atoms& atoms, const float* density, std::int64_t count, const FrameSource& source);

  /// Bring files and manifest to the disk.
  void save();

  /// Give the files their final names.
  void finish();

 private:
  enum File { kFrames, kBlocks, kDensity, kIndex, kFiles };
  using Sizes = std::array<std::uintmax_t, kFiles>;

  Sizes read_progress(const Json& manifest);
  Json manifest() const;
  void open_file(File file, std::uintmax_t size);
  std::string npy_header_of(File file, std::int64_t rows) const;

  std::filesystem::path folder_;
  Grid grid_;
  Range range_;
  Filters filters_;
  Json settings_;
  std::unique_ptr<FolderLock> lock_;
  std::int64_t next_, kept_ = 0, empty_ = 0;
  std::array<std::int64_t, kFilterNames.size()> removed_{};  // by Filter
  bool finished_ = false;
  std::array<std::optional<PartFile>, kFiles> files_;  // those that the options ask for, until they are finished
  std::chrono::steady_clock::time_point saved_ = std::chrono::steady_clock::now();
};

}  // namespace crystalgrid
