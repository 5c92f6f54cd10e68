#include "library.hpp"

#include <numeric>
#include <system_error>
#include <utility>

#include "errors.hpp"
#include "manifest.hpp"
#include "npy.hpp"
#include "output_folder.hpp"

namespace crystalgrid {
namespace {

namespace fs = std::filesystem;

constexpr auto kBetweenSaves = std::chrono::seconds(1);

/// Names of the files of a library, in the order of Library::File.
constexpr std::array kFileNames{"samples.xyz", "samples.cif", "density.npy", "index.npy"};

/// Throws InputError unless the file of a finished library is as long as its manifest says.
void check_size(const fs::path& path, std::uintmax_t size) {
  std::error_code error;
  const std::uintmax_t found = fs::file_size(path, error);
  if (error || found != size)
    throw InputError(path.string() + ": wanted the " + std::to_string(size) + " bytes that its manifest says, " +
                     (error ? "got none: " + error.message() : "got " + std::to_string(found)));
}

}  // namespace

Library::Library(const fs::path& folder, const Options& options, const Grid& grid, Range range, Json settings)
    : folder_(folder),
      grid_(grid),
      range_(range),
      filters_(options.filters),
      settings_(std::move(settings)),
      lock_(lock_folder(folder, options.resume)),
      next_(range.first) {
  Sizes sizes{};
  if (holds_library(folder, options.resume))
    sizes = read_progress(read_manifest(folder / kManifestName));
  else
    save();  // before there is anything else, so that whatever is in the folder has its manifest
  const std::array wanted{true, options.cif, options.save_density, options.save_density};
  for (int file = 0; file < kFiles; ++file) {
    if (!wanted[file]) continue;
    if (finished_)
      check_size(folder / kFileNames[file], sizes[file]);
    else
      open_file(static_cast<File>(file), sizes[file]);
  }
}

void Library::open_file(File file, std::uintmax_t size) {
  PartFile& opened = files_[file].emplace(folder_ / kFileNames[file], size);
  if (size > 0) return;
  const std::string header = npy_header_of(file, 0);
  opened.append(header.data(), header.size());
}

/// The header of a .npy file; empty for the other files.
std::string Library::npy_header_of(File file, std::int64_t rows) const {
  if (file == kDensity) return npy_header("<f4", {rows, grid_.n, grid_.n, grid_.n});
  if (file == kIndex) return npy_header("<i8", {rows});
  return "";
}

std::int64_t Library::removed() const { return std::accumulate(removed_.begin(), removed_.end(), std::int64_t{0}); }

/// Take over what a manifest counts. Returns the sizes of the files.
Library::Sizes Library::read_progress(const Json& manifest) try {
  check_same_settings(settings_, manifest.at("settings"));
  next_ = manifest.whole("next");
  kept_ = manifest.whole("kept");
  empty_ = manifest.whole("without_atoms");
  for (std::size_t f = 0; f < kFilterNames.size(); ++f) removed_[f] = manifest.at("removed").whole(kFilterNames[f]);
  finished_ = manifest.boolean("finished");
  Sizes sizes{};
  bool consistent = range_.first <= next_ && next_ <= range_.last && kept_ + removed() == next_ - range_.first &&
                    0 <= empty_ && empty_ <= kept_ && (next_ == range_.last || !finished_) &&
                    (next_ == range_.last || (next_ - range_.first) % settings_.whole("batch") == 0);
  for (std::size_t file = 0; file < sizes.size(); ++file) {
    const std::int64_t size = manifest.at("bytes").whole(kFileNames[file]);
    consistent = consistent && size >= 0;
    sizes[file] = static_cast<std::uintmax_t>(size);
  }
  if (!consistent) throw InputError("altered, its numbers contradict each other");
  return sizes;
} catch (const InputError& error) {
  throw InputError((folder_ / kManifestName).string() + ": " + error.what());
}

Json Library::manifest() const {
  Json::Object removed, bytes;
  for (std::size_t f = 0; f < kFilterNames.size(); ++f) removed[kFilterNames[f]].value = removed_[f];
  for (std::size_t file = 0; file < kFiles; ++file)
    bytes[kFileNames[file]].value = static_cast<std::int64_t>(files_[file] ? files_[file]->size() : 0);
  return {Json::Object{
      {"format", {kManifestFormat}},
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

void Library::append(const Atoms& atoms, const float* density, std::int64_t count, const FrameSource& source) {
  std::string frames, blocks;
  for (std::int64_t b = 0; b < count; ++b) {
    const std::int64_t index = next_ + b;
    if (const auto filter = failed_filter(filters_, atoms, b, grid_)) {
      ++removed_[static_cast<std::size_t>(*filter)];
      continue;
    }
    ++kept_;
    empty_ += atoms.offsets[b] == atoms.offsets[b + 1];
    frames += xyz_frame(atoms, b, index, source);
    if (files_[kBlocks]) blocks += cif_block(atoms, b, index, source);
    if (files_[kDensity]) files_[kDensity]->append(density + b * grid_.voxels(), grid_.voxels() * sizeof(float));
    if (files_[kIndex]) files_[kIndex]->append(&index, sizeof index);
  }
  files_[kFrames]->append(frames.data(), frames.size());
  if (files_[kBlocks]) files_[kBlocks]->append(blocks.data(), blocks.size());
  next_ += count;
  if (std::chrono::steady_clock::now() - saved_ > kBetweenSaves) save();
}

void Library::save() {
  for (std::optional<PartFile>& file : files_)
    if (file) file->sync();
  write_manifest(folder_ / kManifestName, manifest());
  saved_ = std::chrono::steady_clock::now();
}

void Library::finish() {
  save();
  for (int file = 0; file < kFiles; ++file) {
    if (!files_[file]) continue;
    files_[file]->rewrite_start(npy_header_of(static_cast<File>(file), kept_));
    files_[file]->finish();
  }
  finished_ = true;
  save();
}

}  // namespace crystalgrid
