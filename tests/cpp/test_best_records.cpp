// The best records: the same ones in whatever order, and after a manifest has kept them.
#include <algorithm>
#include <random>

#include "best_records.hpp"
#include "check.hpp"

using namespace crystalgrid;

namespace {

std::vector<Record> random_records(std::mt19937& random) {
  std::vector<Record> records;
  for (std::int64_t index = 0; index < 60; ++index)
    records.push_back({index,
                       {"frame\n" + std::to_string(index), std::string("\0\xff\"\\", 4)},
                       std::to_string(index) + ".cif",
                       "data",
                       {"valid"},
                       -1.0 * static_cast<double>(random() % 20),
                       std::to_string(random() % 12)});
  return records;
}

std::vector<std::int64_t> indices(const BestRecords& best) {
  std::vector<std::int64_t> found;
  for (const Record& record : best.records()) found.push_back(record.index);
  return found;
}

/// The same by definition: the likeliest of each structure, then the likeliest of those.
std::vector<std::int64_t> by_definition(std::vector<Record> records, std::size_t count) {
  std::stable_sort(records.begin(), records.end(),
                   [](const Record& a, const Record& b) { return a.log_likelihood > b.log_likelihood; });
  std::vector<std::int64_t> chosen;
  std::vector<std::string> structures;
  for (const Record& record : records) {
    if (chosen.size() == count) break;
    if (std::find(structures.begin(), structures.end(), record.structure) != structures.end()) continue;
    structures.push_back(record.structure);
    chosen.push_back(record.index);
  }
  return chosen;
}

void test_order_makes_no_difference() {
  std::mt19937 random(2);
  for (const std::size_t count : {1u, 5u, 100u}) {
    std::vector<Record> records = random_records(random);
    const std::vector<std::int64_t> wanted = by_definition(records, count);
    for (int repeat = 0; repeat < 5; ++repeat) {
      std::shuffle(records.begin(), records.end(), random);
      BestRecords best(static_cast<std::int64_t>(count));
      for (std::size_t first = 0; first < records.size(); first += 7)
        best.add({records.begin() + first, records.begin() + std::min(first + 9, records.size())});  // some twice
      CHECK(indices(best) == wanted);
    }
  }
}

void test_json_keeps_everything() {
  std::mt19937 random(3);
  BestRecords best(8), again(8);
  best.add(random_records(random));
  again.read(Json::parse(best.as_json().dump()));
  CHECK(indices(again) == indices(best));
  for (std::size_t r = 0; r < best.records().size(); ++r) {
    const Record &a = best.records()[r], &b = again.records()[r];
    CHECK(a.appended == b.appended && a.own_name == b.own_name && a.own == b.own && a.counted == b.counted);
    CHECK(a.log_likelihood == b.log_likelihood && a.structure == b.structure);
  }
}

}  // namespace

int main() {
  test_order_makes_no_difference();
  test_json_keeps_everything();
  return report();
}
