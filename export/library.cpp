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
#include "folder_lock.hpp"
#include "numpy.hpp"

namespace crystalgrid {
namespace {

namespace fs = std::filesystem;

constexpr const char* kManifest = "manifest.json";
constexpr std::int64_t kFormat = 1;
constexpr auto kBetweenSaves = std::chrono::seconds(1);

/// Under which name the next version of a file is written.
fs::path fresh(const fs::path& path) { return path.string() + ".new"; }

/// Whether the folder holds a library. Other content is refused rather than written over.
bool holds_library(const fs::path& folder, bool resume) {
  std::error_code error;
  if (!fs::exists(folder, error)) return false;
  if (!fs::is_directory(folder, error))
    throw InputError(folder.string() + ": wanted a folder to write to, but a file has that name");
  if (fs::exists(folder / kManifest, error)) {
    if (resume) return true;
    throw InputError(folder.string() + ": holds a library; --resume goes on with it, or choose another folder");
  }
  bool empty = true;
  for (const fs::directory_entry& entry : fs::directory_iterator(folder, error)) {
    const std::string name = entry.path().filename();
    if (name.starts_with("shard-"))
      throw InputError(folder.string() + ": holds " + name + " of a library; --shard K/N goes on with a part of it");
    empty = empty && (name == kLockName || name == fresh(kManifest));  // left where a first manifest was being written
  }
  if (!empty)
    throw InputError(folder.string() + ": the output folder exists and is not empty; choose another or remove it");
  return false;
}

/// The folder of a library, locked; made where it does not exist.
std::unique_ptr<FolderLock> locked(const fs::path& folder, bool resume) {
  holds_library(folder, resume);
  std::error_code error;
  fs::create_directories(folder, error);
  if (error) throw InputError(folder.string() + ": the output folder cannot be made: " + error.message());
  return std::make_unique<FolderLock>(folder);
}

/// A finished library's file must be as long as its manifest says.
void check_whole(const fs::path& path, std::uintmax_t size) {
  std::error_code error;
  const std::uintmax_t found = fs::file_size(path, error);
  if (error || found != size)
    throw InputError(path.string() + ": wanted the " + std::to_string(size) + " bytes that its manifest says, " +
                     (error ? "got none: " + error.message() : "got " + std::to_string(found)));
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

/// The first member of density.npz, whose values are written where they stay.
constexpr const char* kDensity = "density";

/// In the manifest: samples.xyz, samples.cif, and the two parts of density.npz, whose size "npz" is once it is whole.
constexpr std::array kFileNames{"frames", "blocks", "densities", "indices"};

std::string one_line(const Json& value) {
  std::string text = value.dump();
  std::erase(text, '\n');
  return text;
}

/// A library's settings `then` must be these.
void check_same(const Json& now, const Json& then) {
  for (const auto& [key, value] : std::get<Json::Object>(now.value))
    if (const std::string was = one_line(then.at(key)), is = one_line(value); was != is)
      throw InputError("the library was made with " + key + " " + was + ", not " + is + "; give the same to resume");
}

}  // namespace

void check_parts(const fs::path& folder, const Shard& shard, const Json& settings) {
  std::error_code error;
  for (const fs::directory_entry& entry : fs::directory_iterator(folder, error)) {
    const fs::path manifest = entry.path() / kManifest;
    const std::string name = entry.path().filename();
    const bool whole = name == kManifest || name.starts_with("samples.");
    if (!name.starts_with("shard-") && !whole) continue;  // such as a log
    if (whole || !name.ends_with("-of-" + std::to_string(shard.of)))
      throw InputError(folder.string() + ": wanted a folder with nothing but the " + std::to_string(shard.of) +
                       " shards of this library, it has " + name +
                       "; --shard K/N says which shard of how many this is");
    if (!fs::exists(manifest, error)) continue;
    Json::Object others = std::get<Json::Object>(settings.value);
    others.erase("shard");
    const Json part = read_manifest(manifest);
    try {
      check_same({others}, part.at("settings"));
    } catch (const InputError& different) {
      throw InputError(manifest.string() + ": " + different.what());
    }
  }
}

Library::Library(const fs::path& folder, const Options& options, const Grid& grid, Range range, Json settings)
    : folder_(folder),
      grid_(grid),
      range_(range),
      filters_(options.filters),
      settings_(std::move(settings)),
      lock_(locked(folder, options.resume)),
      next_(range.first),
      removed_(kFilterNames.size()) {
  std::array<std::uintmax_t, 4> sizes{};
  if (holds_library(folder, options.resume)) {
    const Json manifest = read_manifest(folder / kManifest);
    sizes = load(manifest);
    if (finished_) {
      check_whole(folder / "samples.xyz", sizes[0]);
      if (options.cif) check_whole(folder / "samples.cif", sizes[1]);
      if (options.density) check_whole(folder / "density.npz", npz_size_);
      return;
    }
  } else {
    save();  // before there is anything else, so that whatever is in the folder has its manifest
  }
  frames_.emplace(folder / "samples.xyz", sizes[0]);
  if (options.cif) blocks_.emplace(folder / "samples.cif", sizes[1]);
  if (options.density) {
    densities_.emplace(folder / "density.npz", sizes[2]);
    if (densities_->size() == 0) {
      const std::string start = npz_start(kDensity, density_header());
      densities_->append(start.data(), start.size());
    }
    indices_.emplace(folder / "index.i8", sizes[3]);
  }
}

std::int64_t Library::removed() const {
  std::int64_t sum = 0;
  for (const std::int64_t count : removed_) sum += count;
  return sum;
}

std::array<std::uintmax_t, 4> Library::load(const Json& manifest) try {
  check_same(settings_, manifest.at("settings"));
  next_ = manifest.whole("next");
  kept_ = manifest.whole("kept");
  empty_ = manifest.whole("without_atoms");
  for (std::size_t f = 0; f < kFilterNames.size(); ++f) removed_[f] = manifest.at("removed").whole(kFilterNames[f]);
  finished_ = manifest.boolean("finished");
  std::array<std::uintmax_t, 4> sizes{};
  bool possible = range_.first <= next_ && next_ <= range_.last && kept_ + removed() == next_ - range_.first &&
                  0 <= empty_ && empty_ <= kept_ && (next_ == range_.last || !finished_) &&
                  (next_ == range_.last || (next_ - range_.first) % settings_.whole("batch") == 0);
  for (std::size_t file = 0; file < sizes.size(); ++file) {
    const std::int64_t size = manifest.at("bytes").whole(kFileNames[file]);
    possible = possible && size >= 0;
    sizes[file] = static_cast<std::uintmax_t>(size);
  }
  npz_size_ = static_cast<std::uintmax_t>(manifest.at("bytes").whole("npz"));
  if (!possible) throw InputError("altered, its numbers contradict each other");
  return sizes;
} catch (const InputError& error) {
  throw InputError((folder_ / kManifest).string() + ": " + error.what());
}

Json Library::manifest() const {
  Json::Object removed;
  for (std::size_t f = 0; f < kFilterNames.size(); ++f) removed[kFilterNames[f]].value = removed_[f];
  Json::Object bytes;
  const std::array files{&frames_, &blocks_, &densities_, &indices_};
  for (std::size_t file = 0; file < files.size(); ++file)
    bytes[kFileNames[file]].value = static_cast<std::int64_t>(*files[file] ? (*files[file])->size() : 0);
  bytes["npz"].value = static_cast<std::int64_t>(npz_size_);
  return {Json::Object{
      {"format", {kFormat}},
      {"settings", settings_},
      {"range", {Json::Array{{range_.first}, {range_.last}}}},
      {"next", {next_}},
      {"kept", {kept_}},
      {"without_atoms", {empty_}},
      {"removed", {removed}},
      {"bytes", {bytes}},
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

std::string Library::density_header() const { return npy_header("<f4", {kept_, grid_.n, grid_.n, grid_.n}); }

void Library::finish_densities() {
  const std::array members{
      NpzMember{kDensity, density_header(), densities_->part()},
      NpzMember{"index", npy_header("<i8", {kept_}), indices_->part()},
  };
  finish_npz(members);
  densities_->finish();
  npz_size_ = fs::file_size(folder_ / "density.npz");
}

void Library::finish() {
  save();
  if (densities_) finish_densities();
  if (blocks_) blocks_->finish();
  frames_->finish();
  finished_ = true;
  save();
  if (indices_) fs::remove(indices_->part());
}

}  // namespace crystalgrid
