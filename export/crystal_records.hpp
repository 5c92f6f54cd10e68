// The records of a library of crystals: frames, CIF files, the table, and densities where they are asked for.
#pragma once

#include <cstdint>
#include <string>

#include "crystal_cif.hpp"
#include "draws.hpp"
#include "metadata.hpp"
#include "options.hpp"
#include "records.hpp"

namespace crystalgrid {

/// Return the files and counts of a library of crystals.
Layout crystal_layout(const Options& options, const Grid& grid);

/// Turns what a generator draws into records.
class CrystalRecords {
 public:
  /// `options` and `model` must outlive it.
  CrystalRecords(const Options& options, const Metadata& model) : options_(options), model_(model) {}

  /// Return the records of crystals 0 to `count`, of which the first is draw `first` of the library. Throws InputError
  /// if the arrays are not what crystals have.
  Records operator()(const Draws& draws, std::int64_t first, std::int64_t count);

 private:
  void add(Records& records, const Draws& draws, std::int64_t b, std::int64_t index);
  std::string comment(std::int64_t index) const;

  const Options& options_;
  const Metadata& model_;
  CifWriter cif_;
};

}  // namespace crystalgrid
