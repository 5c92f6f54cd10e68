// A library on disk: its records in the order of their index, and a manifest that says what it is and how much of it is
// done.
#pragma once

#include <chrono>
#include <cstdint>
#include <filesystem>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <unordered_set>
#include <vector>

#include "best_records.hpp"
#include "folder_lock.hpp"
#include "json.hpp"
#include "part_file.hpp"
#include "record_folder.hpp"
#include "records.hpp"
#include "shard.hpp"

namespace crystalgrid {

/// Grows batch by batch. What the manifest counts is whole on disk, whatever happens: a run that resumes cuts the files
/// to the sizes in the manifest, and so repeats nothing and leaves nothing out.
class Library {
 public:
  /// Make the folder of a new library, or open one to resume it. `settings` is all that decides what is in the library.
  /// Throws InputError if the folder has other content, or a library with other settings.
  Library(const std::filesystem::path& folder, bool resume, Layout layout, Range range, Json settings);

  std::int64_t next() const { return next_; }  ///< index of the draw to make next
  std::int64_t kept() const { return kept_; }
  const std::filesystem::path& folder() const { return folder_; }
  bool finished() const { return finished_; }

  /// Return the path of the first file, whole or not.
  std::filesystem::path main_file() const;

  /// Append the records of a batch, the first draw of which is `next()`.
  void append(const Records& records);

  /// Bring files and manifest to the disk.
  void save();

  /// Give the files their final names.
  void finish();

  /// Return what is in the library, in words: a line for its records, and one for each reason why draws are not among
  /// them. `seconds` is the time that the last `made` draws took.
  std::string summary(std::int64_t made, double seconds) const;

 private:
  using Counts = std::map<std::string, std::int64_t>;

  std::vector<std::uintmax_t> read_progress(const Json& manifest);
  bool is_consistent() const;
  Json manifest() const;
  void open_file(std::size_t file, std::uintmax_t size);
  void write(const std::vector<Record>& records);
  void count(const std::vector<Record>& records);
  std::string removals() const;

  std::filesystem::path folder_;
  Layout layout_;
  Range range_;
  Json settings_;
  std::unique_ptr<FolderLock> lock_;
  std::int64_t next_, kept_ = 0;
  Counts counts_, removed_;  // by the keys of the layout
  bool finished_ = false;
  std::vector<std::optional<PartFile>> files_;  // of the layout, until they are finished
  std::optional<RecordFolder> own_;
  std::unordered_set<std::string> structures_;  // of the first records, if there are none from an earlier run
  std::optional<BestRecords> best_;             // until they are written, where the layout asks for them
  std::chrono::steady_clock::time_point saved_ = std::chrono::steady_clock::now();
};

}  // namespace crystalgrid
