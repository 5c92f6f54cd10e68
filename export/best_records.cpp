#include "best_records.hpp"

#include <algorithm>
#include <set>
#include <utility>

namespace crystalgrid {
namespace {

bool is_better(const Record& a, const Record& b) {
  return a.log_likelihood != b.log_likelihood ? a.log_likelihood > b.log_likelihood : a.index < b.index;
}

Json texts(const std::vector<std::string>& values) {
  Json::Array array;
  for (const std::string& value : values) array.push_back({value});
  return {std::move(array)};
}

std::vector<std::string> read_texts(const Json::Array& array) {
  std::vector<std::string> values;
  for (const Json& value : array) values.push_back(value.text());
  return values;
}

}  // namespace

void BestRecords::add(const std::vector<Record>& records) {
  records_.insert(records_.end(), records.begin(), records.end());
  std::sort(records_.begin(), records_.end(), is_better);
  std::set<std::string> structures;
  std::erase_if(records_, [&](const Record& record) { return !structures.insert(record.structure).second; });
  if (static_cast<std::int64_t>(records_.size()) > count_) records_.resize(static_cast<std::size_t>(count_));
}

Json BestRecords::as_json() const {
  Json::Array array;
  for (const Record& record : records_)
    array.push_back({Json::Object{
        {"index", {record.index}},
        {"appended", texts(record.appended)},
        {"own_name", {record.own_name}},
        {"own", {record.own}},
        {"counted", texts(record.counted)},
        {"log_likelihood", {record.log_likelihood}},
        {"structure", {record.structure}},
    }});
  return {std::move(array)};
}

void BestRecords::read(const Json& json) {
  records_.clear();
  for (const Json& row : std::get<Json::Array>(json.value))
    records_.push_back({row.whole("index"), read_texts(row.array("appended")), row.string("own_name"),
                        row.string("own"), read_texts(row.array("counted")), row.number("log_likelihood"),
                        row.string("structure")});
}

}  // namespace crystalgrid
