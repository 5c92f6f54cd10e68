#include "library.hpp"

#include <fcntl.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstring>
#include <fstream>
#include <sstream>
#include <utility>

#include "errors.hpp"
#include "numpy.hpp"

namespace crystalgrid {
namespace {

namespace fs = std::filesystem;

constexpr const char* kManifest = "manifest.json";
constexpr std::int64_t kFormat = 1;
constexpr auto kBetweenSaves = std::chrono::seconds(1);

/// Under which name the next version of a file is written.
fs::path fresh(const fs::path& path) { return path.string() + ".new"; }

/// Whether the folder holds a library; made where it does not exist. Other content is refused rather than written over.
bool holds_library(const fs::path& folder, bool resume) {
  std::error_code error;
  if (fs::exists(folder, error) && !fs::is_directory(folder))
    throw InputError(folder.string() + ": wanted a folder to write to, but a file has that name");
  fs::remove(fresh(folder / kManifest), error);  // stopped while the first was written
  const bool library = fs::exists(folder / kManifest, error);
  if (library && resume) return true;
  if (fs::is_directory(folder, error) && !fs::is_empty(folder, error) && !error)
    throw InputError(folder.string() +
                     (library ? ": holds a library; --resume goes on with it, or choose another folder"
                              : ": the output folder exists and is not empty; choose another or remove it"));
  fs::create_directories(folder, error);
  if (error) throw InputError(folder.string() + ": the output folder cannot be made: " + error.message());
  return false;
}

Json read_manifest(const fs::path& path) {
  std::ifstream file(path);
  std::stringstream text;
  text << file.rdbuf();
  try {
    Json manifest = Json::parse(text.str());
    if (manifest.whole("format") != kFormat)
      throw InputError("format " + std::to_string(manifest.whole("format")) + "; this program knows format " +
                       std::to_string(kFormat));
    return manifest;
  } catch (const InputError& error) {
    throw InputError(path.string() + ": " + error.what());
  }
}

/// Write a file so that it has either its old content or all of the new, even if the machine stops.
void replace(const fs::path& path, const std::string& text) {
  const int file = ::open(fresh(path).c_str(), O_WRONLY | O_CREAT | O_TRUNC, 0666);
  bool good = file >= 0 && ::write(file, text.data(), text.size()) == static_cast<ssize_t>(text.size());
  good = good && ::fsync(file) == 0;
  const int reason = errno;
  if (file >= 0) ::close(file);
  if (good && std::rename(fresh(path).c_str(), path.c_str()) == 0) return;
  std::error_code ignored;
  fs::remove(fresh(path), ignored);
  throw InputError(path.string() + ": cannot be written: " + std::strerror(good ? errno : reason));
}

std::uintmax_t size_of(const std::optional<PartFile>& file) { return file ? file->size() : 0; }

}  // namespace

Library::Library(const fs::path& folder, const Options& options, const Grid& grid, Range range, Json settings)
    : folder_(folder),
      grid_(grid),
      range_(range),
      filters_(options.filters),
      settings_(std::move(settings)),
      next_(range.first),
      removed_(kFilterNames.size()) {
  std::array<std::uintmax_t, 4> sizes{};
  if (holds_library(folder, options.resume)) {
    const Json manifest = read_manifest(folder / kManifest);
    load(manifest, settings_);
    if (finished_) return;
    const Json& bytes = manifest.at("bytes");
    sizes = {static_cast<std::uintmax_t>(bytes.whole("frames")), static_cast<std::uintmax_t>(bytes.whole("blocks")),
             static_cast<std::uintmax_t>(bytes.whole("densities")),
             static_cast<std::uintmax_t>(bytes.whole("indices"))};
  } else {
    save();  // before there is anything else, so that whatever is in the folder has its manifest
  }
  frames_.emplace(folder / "samples.xyz", sizes[0]);
  if (options.cif) blocks_.emplace(folder / "samples.cif", sizes[1]);
  if (options.density) {
    densities_.emplace(folder / "density.f4", sizes[2]);
    indices_.emplace(folder / "index.i8", sizes[3]);
  }
}

std::int64_t Library::removed() const {
  std::int64_t sum = 0;
  for (const std::int64_t count : removed_) sum += count;
  return sum;
}

void Library::load(const Json& manifest, const Json& settings) {
  const fs::path path = folder_ / kManifest;
  const auto& now = std::get<Json::Object>(settings.value);
  for (const auto& [key, value] : now) {
    const std::string then = manifest.at("settings").at(key).dump(), here = value.dump();
    if (then != here)
      throw InputError(path.string() + ": the library was made with " + key + " " + then + ", not " + here +
                       "; give the same to resume");
  }
  next_ = manifest.whole("next");
  kept_ = manifest.whole("kept");
  empty_ = manifest.whole("without_atoms");
  for (std::size_t f = 0; f < kFilterNames.size(); ++f) removed_[f] = manifest.at("removed").whole(kFilterNames[f]);
  finished_ = std::get<bool>(manifest.at("finished").value);
}

Json Library::manifest() const {
  Json::Object removed;
  for (std::size_t f = 0; f < kFilterNames.size(); ++f) removed[kFilterNames[f]].value = removed_[f];
  const auto bytes = [](const std::optional<PartFile>& file) { return Json{static_cast<std::int64_t>(size_of(file))}; };
  return {Json::Object{
      {"format", {kFormat}},
      {"settings", settings_},
      {"range", {Json::Array{{range_.first}, {range_.last}}}},
      {"next", {next_}},
      {"kept", {kept_}},
      {"without_atoms", {empty_}},
      {"removed", {removed}},
      {"bytes",
       {Json::Object{{"frames", bytes(frames_)},
                     {"blocks", bytes(blocks_)},
                     {"densities", bytes(densities_)},
                     {"indices", bytes(indices_)}}}},
      {"finished", {finished_}},
  }};
}

void Library::append(const Atoms& atoms, const float* density, std::int64_t count, const Origin& origin) {
  std::string frames, blocks;
  for (std::int64_t b = 0; b < count; ++b) {
    const std::int64_t index = next_ + b;
    if (const auto filter = failed_filter(filters_, atoms, b, grid_)) {
      ++removed_[*filter];
      continue;
    }
    ++kept_;
    empty_ += atoms.offsets[b] == atoms.offsets[b + 1];
    frames += xyz_frame(atoms, b, index, origin);
    if (blocks_) blocks += cif_block(atoms, b, index, origin);
    if (densities_) {
      densities_->append(density + b * grid_.voxels(), grid_.voxels() * sizeof(float));
      indices_->append(&index, sizeof index);
    }
  }
  frames_->append(frames.data(), frames.size());
  if (blocks_) blocks_->append(blocks.data(), blocks.size());
  next_ += count;
  if (std::chrono::steady_clock::now() - saved_ > kBetweenSaves) save();
}

void Library::save() {
  for (std::optional<PartFile>* file : {&frames_, &blocks_, &densities_, &indices_})
    if (*file) (*file)->sync();
  replace(folder_ / kManifest, manifest().dump() + "\n");
  saved_ = std::chrono::steady_clock::now();
}

void Library::finish_densities() {
  const std::array members{
      NpzMember{"density", npy_header("<f4", {kept_, grid_.n, grid_.n, grid_.n}), densities_->part()},
      NpzMember{"index", npy_header("<i8", {kept_}), indices_->part()},
  };
  const fs::path whole = folder_ / "density.npz.part";
  write_npz(whole, members);
  fs::rename(whole, folder_ / "density.npz");
}

void Library::finish() {
  save();
  if (densities_) finish_densities();
  if (blocks_) blocks_->finish();
  frames_->finish();
  finished_ = true;
  save();
  for (const std::optional<PartFile>* file : {&densities_, &indices_})
    if (*file) fs::remove((*file)->part());
}

}  // namespace crystalgrid
