// The likeliest records of different structures, of all that a library has seen.
#pragma once

#include <cstdint>
#include <vector>

#include "json.hpp"
#include "records.hpp"

namespace crystalgrid {

class BestRecords {
 public:
  explicit BestRecords(std::int64_t count) : count_(count) {}

  /// Consider records. In which order, and whether one is seen twice, makes no difference.
  void add(const std::vector<Record>& records);

  /// Return the chosen records, the likeliest first; of equally likely ones that of the lower index.
  const std::vector<Record>& records() const { return records_; }

  /// Return the records as JSON, from which `read` has them again.
  Json as_json() const;
  void read(const Json& json);

 private:
  std::int64_t count_;
  std::vector<Record> records_;
};

}  // namespace crystalgrid
