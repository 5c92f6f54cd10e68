#include "npy.hpp"

#include <sys/stat.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <charconv>
#include <cmath>
#include <cstring>
#include <optional>
#include <string_view>

#include "errors.hpp"
#include "sha256.hpp"

namespace crystalgrid {
namespace {

constexpr std::size_t kPrefix = 10;   // magic, version and length of a header of version 1
constexpr std::size_t kHeader = 128;  // a multiple of 64, as the format asks, and room for four sides of any length
constexpr std::size_t kMaxHeader = 1 << 16;
constexpr std::int64_t kRowsAtOnce = 1024;
constexpr std::int64_t kMaxRows = 1'000'000'000'000;  // so that no count of bytes overflows

std::uint64_t little_endian(const char* bytes, int size) {
  std::uint64_t x = 0;
  for (int i = size - 1; i >= 0; --i) x = x << 8 | static_cast<unsigned char>(bytes[i]);
  return x;
}

/// Return what follows `'key':` in the header's dictionary, without leading spaces; empty if the key is missing.
std::string_view value_of(std::string_view header, std::string_view key) {
  const auto found = header.find(key);
  if (found == std::string_view::npos) return {};
  header.remove_prefix(found + key.size());
  header.remove_prefix(std::min(header.find_first_not_of(" :"), header.size()));
  return header;
}

/// Return the lengths in a tuple such as "(5, 216)" or "(5,)"; empty if it is none.
std::vector<std::int64_t> parse_shape(std::string_view text) {
  const auto end = text.find(')');
  if (!text.starts_with('(') || end == std::string_view::npos) return {};
  std::vector<std::int64_t> shape;
  for (text = text.substr(1, end - 1); !text.empty();) {
    std::int64_t length = 0;
    const auto [stop, error] = std::from_chars(text.data(), text.data() + text.size(), length);
    if (error != std::errc() || length < 0) return {};
    shape.push_back(length);
    text.remove_prefix(stop - text.data());
    text.remove_prefix(std::min(text.find_first_not_of(", "), text.size()));
  }
  return shape;
}

}  // namespace

NpyRows::NpyRows(const std::string& path, std::int64_t columns)
    : path_(path), columns_(columns), file_(std::fopen(path.c_str(), "rb")) {
  if (!file_) throw InputError(path + ": cannot be read: " + std::strerror(errno));
  const std::string header = read_header();
  const std::string_view type = value_of(header, "'descr'");
  const std::vector<std::int64_t> shape = parse_shape(value_of(header, "'shape'"));
  const bool in_c_order = value_of(header, "'fortran_order'").starts_with("False");
  if (!(type.starts_with("'<f4'") || type.starts_with("'<f8'")) || !in_c_order || shape.size() != 2 || shape[0] < 1 ||
      shape[0] > kMaxRows || shape[1] != columns)
    throw InputError(path + ": wanted float32 or float64 [rows, " + std::to_string(columns) +
                     "] in C order, as the model's latent vectors are, got " + header.substr(0, header.find('\n')));
  item_size_ = type[3] == '8' ? 8 : 4;
  rows_ = shape[0];
  check_length();
}

/// Read the dictionary that precedes the values.
std::string NpyRows::read_header() {
  std::array<char, kPrefix + 2> start{};
  if (std::fread(start.data(), 1, start.size(), file_.get()) != start.size() ||
      std::string_view(start.data(), 6) != "\x93NUMPY")
    throw InputError(path_ + ": wanted a .npy file of latent vectors, got another kind of file");
  const int length_bytes = start[6] == 1 ? 2 : 4;
  const std::uint64_t length = little_endian(start.data() + 8, length_bytes);
  if (length > kMaxHeader) throw InputError(path_ + ": wanted a .npy file of latent vectors, its header is too long");
  std::string header(length, ' ');
  std::fseek(file_.get(), 8 + length_bytes, SEEK_SET);
  if (std::fread(header.data(), 1, header.size(), file_.get()) != header.size())
    throw InputError(path_ + ": truncated, its header is not whole");
  values_begin_ = 8 + length_bytes + static_cast<std::int64_t>(length);
  return header;
}

void NpyRows::check_length() const {
  struct stat status{};
  if (fstat(fileno(file_.get()), &status) != 0 || status.st_size < values_begin_ + rows_ * columns_ * item_size_)
    throw InputError(path_ + ": truncated, it ends before its " + std::to_string(rows_) + " rows");
}

void NpyRows::read(std::int64_t first, std::int64_t count, float* out) const {
  std::fill(out, out + count * columns_, 0.0f);
  const std::int64_t available = std::clamp<std::int64_t>(rows_ - first, 0, count);
  const auto items = static_cast<std::size_t>(available * columns_);
  std::fseek(file_.get(), values_begin_ + first * columns_ * item_size_, SEEK_SET);
  std::size_t items_read = 0;
  if (item_size_ == 4) {
    items_read = std::fread(out, 4, items, file_.get());
  } else {
    std::vector<double> wide(items);
    items_read = std::fread(wide.data(), 8, items, file_.get());
    std::transform(wide.begin(), wide.end(), out, [](double x) { return static_cast<float>(x); });
  }
  if (items_read != items) throw InputError(path_ + ": cannot be read to its end");
}

std::string NpyRows::checksum(std::int64_t count) const {
  Sha256 sum;
  std::vector<float> rows(kRowsAtOnce * columns_);
  for (std::int64_t first = 0; first < count; first += kRowsAtOnce) {
    const auto end = rows.begin() + std::min(kRowsAtOnce, count - first) * columns_;
    read(first, kRowsAtOnce, rows.data());
    const auto bad = std::find_if(rows.begin(), end, [](float x) { return !std::isfinite(x); });
    if (bad != end)
      throw InputError(path_ + ": row " + std::to_string(first + (bad - rows.begin()) / columns_) +
                       " has a value that is not finite");
    sum.update(rows.data(), (end - rows.begin()) * sizeof(float));
  }
  return sum.hex();
}

std::string npy_header(const std::string& descr, const std::vector<std::int64_t>& shape) {
  std::string text = "{'descr': '" + descr + "', 'fortran_order': False, 'shape': (";
  for (const std::int64_t length : shape) text += std::to_string(length) + ", ";
  text += "), }";
  text.resize(kHeader - kPrefix - 1, ' ');
  text += '\n';
  std::string header("\x93NUMPY\x01\x00", 8);
  header += static_cast<char>(text.size() & 0xff);
  header += static_cast<char>(text.size() >> 8);
  return header + text;
}

}  // namespace crystalgrid
