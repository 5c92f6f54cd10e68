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
  /// A count that more than half of the records have only if the model is no good, and what to do then.
  Count suspicious;
  std::int64_t best = 0;  ///< how many records to choose in the end, the likeliest first; 0: all as they come
};

/// What a draw that is kept adds to a library.
struct Record {
  std::int64_t index = 0;
  std::vector<std::string> appended;  ///< for each file of the layout
  std::string own_name, own;          ///< name and content of its file in the layout's folder
  std::vector<std::string> counted;   ///< keys of the counts to which it adds one
  double log_likelihood = 0;          ///< by which the best are chosen
  std::string structure;              ///< records of one structure are not different
};

/// What consecutive draws of a library add to it.
struct Records {
  std::int64_t draws = 0;  ///< kept or not
  std::vector<Record> kept;
  std::map<std::string, std::int64_t> removed;  ///< by key; those that are absent are 0
};

}  // namespace crystalgrid
