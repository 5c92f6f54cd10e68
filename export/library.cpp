#include "library.hpp"

#include <system_error>
#include <utility>

#include "errors.hpp"
#include "manifest.hpp"
#include "output_folder.hpp"
#include "text.hpp"

namespace crystalgrid {
namespace {

namespace fs = std::filesystem;

constexpr auto kBetweenSaves = std::chrono::seconds(1);
/// So many records are compared with each other, so that memory stays the same however many there are.
constexpr std::int64_t kMostCompared = 100'000;

/// Throws InputError unless the file of a finished library is as long as its manifest says.
void check_size(const fs::path& path, std::uintmax_t size) {
  std::error_code error;
  const std::uintmax_t found = fs::file_size(path, error);
  if (error || found != size)
    throw InputError(path.string() + ": wanted the " + std::to_string(size) + " bytes that its manifest says, " +
                     (error ? "got none: " + error.message() : "got " + std::to_string(found)));
}

std::int64_t sum(const std::map<std::string, std::int64_t>& counts) {
  std::int64_t total = 0;
  for (const auto& [key, count] : counts) total += count;
  return total;
}

Json::Object as_json(const std::map<std::string, std::int64_t>& counts) {
  Json::Object json;
  for (const auto& [key, count] : counts) json[key].value = count;
  return json;
}

}  // namespace

Library::Library(const fs::path& folder, bool resume, Layout layout, Range range, Json settings)
    : folder_(folder),
      layout_(std::move(layout)),
      range_(range),
      settings_(std::move(settings)),
      lock_(lock_folder(folder, resume)),
      next_(range.first),
      files_(layout_.files.size()) {
  if (layout_.best > 0) best_.emplace(layout_.best);
  for (const Layout::Count& count : layout_.counts) counts_[count.key] = 0;
  for (const Layout::Count& removal : layout_.removals) removed_[removal.key] = 0;
  std::vector<std::uintmax_t> sizes(files_.size());
  if (holds_library(folder, resume))
    sizes = read_progress(read_manifest(folder / kManifestName));
  else
    save();  // before there is anything else, so that whatever is in the folder has its manifest
  for (std::size_t file = 0; file < files_.size(); ++file) {
    if (finished_)
      check_size(folder / layout_.files[file].name, sizes[file]);
    else
      open_file(file, sizes[file]);
  }
  if (!layout_.folder.empty()) own_.emplace(folder / layout_.folder, best_ && !finished_ ? 0 : kept_);
}

void Library::open_file(std::size_t file, std::uintmax_t size) {
  PartFile& opened = files_[file].emplace(folder_ / layout_.files[file].name, size);
  if (size > 0) return;
  const std::string start = layout_.files[file].start(0);
  opened.append(start.data(), start.size());
}

fs::path Library::main_file() const { return folder_ / (layout_.files.front().name + (finished_ ? "" : ".part")); }

/// Take over what a manifest counts. Returns the sizes of the files.
std::vector<std::uintmax_t> Library::read_progress(const Json& manifest) try {
  check_same_settings(settings_, manifest.at("settings"));
  next_ = manifest.whole("next");
  kept_ = manifest.whole("kept");
  for (auto& [key, count] : counts_) count = manifest.whole(key);
  for (auto& [key, count] : removed_) count = manifest.at("removed").whole(key);
  finished_ = manifest.boolean("finished");
  if (best_ && !finished_) best_->read(manifest.at("best"));
  std::vector<std::uintmax_t> sizes;
  bool consistent = is_consistent();
  for (const Layout::File& file : layout_.files) {
    const std::int64_t size = manifest.at("bytes").whole(file.name);
    consistent = consistent && size >= 0;
    sizes.push_back(static_cast<std::uintmax_t>(size));
  }
  if (!consistent) throw InputError("altered, its numbers contradict each other");
  return sizes;
} catch (const InputError& error) {
  throw InputError((folder_ / kManifestName).string() + ": " + error.what());
}

bool Library::is_consistent() const {
  bool consistent = range_.first <= next_ && next_ <= range_.last && kept_ + sum(removed_) == next_ - range_.first &&
                    (next_ == range_.last || !finished_) &&
                    (next_ == range_.last || (next_ - range_.first) % settings_.whole("batch") == 0);
  for (const auto& [key, count] : counts_) consistent = consistent && 0 <= count && count <= kept_;
  return consistent;
}

Json Library::manifest() const {
  Json::Object bytes;
  for (std::size_t file = 0; file < files_.size(); ++file)
    bytes[layout_.files[file].name].value = static_cast<std::int64_t>(files_[file] ? files_[file]->size() : 0);
  Json::Object manifest = as_json(counts_);
  manifest.merge(Json::Object{
      {"format", {kManifestFormat}},
      {"settings", settings_},
      {"range", {Json::Array{{range_.first}, {range_.last}}}},
      {"next", {next_}},
      {"kept", {kept_}},
      {"removed", {as_json(removed_)}},
      {"bytes", {bytes}},
      {"finished", {finished_}},
  });
  if (best_ && !finished_) manifest["best"] = best_->as_json();
  return {std::move(manifest)};
}

void Library::append(const Records& records) {
  for (const auto& [key, count] : records.removed) removed_.at(key) += count;
  next_ += records.draws;
  if (best_) {
    best_->add(records.kept);
    kept_ = 0;
    for (auto& [key, count] : counts_) count = 0;
    count(best_->records());
    removed_.at("best") = 0;
    removed_.at("best") = next_ - range_.first - kept_ - sum(removed_);
  } else {
    write(records.kept);
    if (kept_ < kMostCompared && (kept_ == 0 || !structures_.empty()))
      for (const Record& record : records.kept)
        if (!record.structure.empty()) structures_.insert(record.structure);
    count(records.kept);
  }
  if (std::chrono::steady_clock::now() - saved_ > kBetweenSaves) save();
}

void Library::write(const std::vector<Record>& records) {
  for (const Record& record : records)
    if (own_) own_->write(record.own_name, record.own);
  for (std::size_t file = 0; file < files_.size(); ++file) {
    std::string text;
    for (const Record& record : records) text += record.appended[file];
    files_[file]->append(text.data(), text.size());
  }
}

void Library::count(const std::vector<Record>& records) {
  kept_ += static_cast<std::int64_t>(records.size());
  for (const Record& record : records)
    for (const std::string& key : record.counted) ++counts_.at(key);
}

void Library::save() {
  for (std::optional<PartFile>& file : files_)
    if (file) file->sync();
  if (own_) own_->sync();
  write_manifest(folder_ / kManifestName, manifest());
  saved_ = std::chrono::steady_clock::now();
}

void Library::finish() {
  save();
  if (best_) write(best_->records());
  for (std::size_t file = 0; file < files_.size(); ++file) {
    files_[file]->rewrite_start(layout_.files[file].start(kept_));
    files_[file]->finish();
  }
  finished_ = true;
  save();
}

std::string Library::summary(std::int64_t made, double seconds) const {
  std::string text = main_file().string() + ": " + std::to_string(kept_) + " " + layout_.noun;
  const auto different = static_cast<std::int64_t>(structures_.size());
  const bool compared = different > 0 && kept_ <= kMostCompared;
  if (compared) text.append(", ").append(std::to_string(different)).append(" of them different");
  for (const auto& [key, words] : layout_.counts)
    text.append(", ").append(std::to_string(counts_.at(key))).append(" of them ").append(words);
  crystalgrid::append(text, ", %.1f %s/s", seconds > 0 ? static_cast<double>(made) / seconds : 0.0,
                      layout_.noun.c_str());
  if (compared && 1 < different && 2 * different < kept_)
    text += "\nmost repeat an earlier one; --best K writes the K likeliest different ones";
  text += removals();
  const auto& [key, advice] = layout_.suspicious;
  if (!key.empty() && 2 * counts_.at(key) > kept_)
    text.append("\nwarning: most of the ").append(layout_.noun).append(" are no good: ").append(advice);
  return text;
}

/// A line for each reason, with the draws that were removed for it.
std::string Library::removals() const {
  std::map<std::string, std::int64_t> reasons;
  for (const auto& [key, words] : layout_.removals) reasons[words] += removed_.at(key);
  std::string text;
  for (const auto& [words, count] : reasons)
    if (count > 0) text.append("\n").append(std::to_string(count)).append(" more ").append(words);
  return text;
}

}  // namespace crystalgrid
