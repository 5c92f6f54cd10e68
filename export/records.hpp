// What a library on disk consists of: its files, and what a batch of draws adds to them.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <string>
#include <utility>
#include <vector>

namespace crystalgrid {

/// The files and counts of a kind of library.
struct Layout {
  /// A file that grows by appending.
  struct File {
    std::string name;
    /// What the file begins with once it has so many records; of the same length for any number, since it is rewritten.
    std::function<std::string(std::int64_t records)> start = [](std::int64_t) { return std::string(); };
  };
  /// A number in the manifest, and the words for it in the summary.
  struct Count {
    std::string key, words;
  };

  std::string noun;             ///< of the records: "structures"
  std::vector<File> files;      ///< the first is the one that the summary names
  std::string folder;           ///< holds a file of its own for each record; empty: there is none
  std::vector<Count> counts;    ///< of records that are kept
  std::vector<Count> removals;  ///< of draws that are not
};

/// What consecutive draws of a library add to it.
struct Records {
  /// `draws` draws that are not looked at yet, for a layout with so many files.
  Records(std::int64_t draws, std::size_t files) : draws(draws), appended(files) {}

  std::int64_t draws;  ///< kept or not
  std::int64_t kept = 0;
  std::vector<std::string> appended;                     ///< for each file of the layout
  std::vector<std::pair<std::string, std::string>> own;  ///< names and contents of files in the layout's folder
  std::map<std::string, std::int64_t> counts, removed;   ///< by key; those that are absent are 0
};

}  // namespace crystalgrid
