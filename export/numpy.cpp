#include "numpy.hpp"

#include <sys/stat.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <charconv>
#include <cmath>
#include <cstring>
#include <fstream>
#include <string_view>

#include "errors.hpp"
#include "sha256.hpp"

namespace crystalgrid {
namespace {

std::uint64_t little_endian(const char* bytes, int size) {
  std::uint64_t x = 0;
  for (int i = size - 1; i >= 0; --i) x = x << 8 | static_cast<unsigned char>(bytes[i]);
  return x;
}

void append(std::string& out, std::uint64_t x, int size) {
  for (int i = 0; i < size; ++i) out += static_cast<char>(x >> 8 * i & 0xff);
}

/// What follows `'key':` in the header's dictionary, without leading spaces.
std::string_view after(std::string_view header, std::string_view key) {
  const auto place = header.find(key);
  if (place == std::string_view::npos) return {};
  header.remove_prefix(place + key.size());
  header.remove_prefix(std::min(header.find_first_not_of(" :'"), header.size()));
  return header;
}

std::int64_t leading_whole(std::string_view& text) {
  text.remove_prefix(std::min(text.find_first_of("-0123456789)"), text.size()));
  std::int64_t x = -1;
  const auto [stop, error] = std::from_chars(text.data(), text.data() + text.size(), x);
  text.remove_prefix(stop - text.data());
  return error == std::errc() ? x : -1;
}

/// CRC-32 as zip wants it.
class Crc {
 public:
  void add(const char* data, std::size_t size) {
    for (std::size_t i = 0; i < size; ++i)
      sum_ = kTable[(sum_ ^ static_cast<unsigned char>(data[i])) & 0xff] ^ sum_ >> 8;
  }
  std::uint32_t value() const { return ~sum_; }

 private:
  static constexpr std::array<std::uint32_t, 256> kTable = [] {
    std::array<std::uint32_t, 256> table{};
    for (std::uint32_t i = 0; i < 256; ++i) {
      table[i] = i;
      for (int bit = 0; bit < 8; ++bit) table[i] = table[i] >> 1 ^ (table[i] & 1 ? 0xedb88320u : 0);
    }
    return table;
  }();
  std::uint32_t sum_ = ~0u;
};

/// A member's size, checksum and place in a zip.
struct Entry {
  std::string name;
  std::uint64_t size, place;
  std::uint32_t crc;
};

/// The fields that a member's local and central header share. Sizes stand in a zip64 field, whatever they are.
std::string shared_fields(const Entry& entry, int extra_size) {
  std::string fields;
  for (const int x : {45, 0, 0, 0, 0x21}) append(fields, x, 2);  // zip64, stored, midnight on the first of January 1980
  append(fields, entry.crc, 4);
  append(fields, 0xffffffff, 4);
  append(fields, 0xffffffff, 4);
  append(fields, entry.name.size(), 2);
  append(fields, extra_size, 2);
  return fields;
}

std::string local_header(const Entry& entry) {
  std::string header = "PK\3\4" + shared_fields(entry, 20) + entry.name;
  append(header, 1, 2);
  append(header, 16, 2);
  append(header, entry.size, 8);
  append(header, entry.size, 8);
  return header;
}

std::string central_header(const Entry& entry) {
  std::string header = "PK\1\2";
  append(header, 45, 2);
  header += shared_fields(entry, 28);
  header += std::string(10, '\0');  // no comment, first disk, attributes
  append(header, 0xffffffff, 4);
  header += entry.name;
  append(header, 1, 2);
  append(header, 24, 2);
  for (const std::uint64_t x : {entry.size, entry.size, entry.place}) append(header, x, 8);
  return header;
}

std::string end_of_zip(std::uint64_t entries, std::uint64_t place, std::uint64_t size) {
  std::string end = "PK\6\6";
  append(end, 44, 8);
  append(end, 45, 2);
  append(end, 45, 2);
  append(end, 0, 8);
  for (const std::uint64_t x : {entries, entries, size, place}) append(end, x, 8);
  end += "PK\6\7";
  append(end, 0, 4);
  append(end, place + size, 8);
  append(end, 1, 4);
  end += "PK\5\6";
  append(end, 0, 4);
  for (int i = 0; i < 3; ++i) append(end, 0xffffffff, 4);  // entries, size and place stand above
  append(end, 0, 2);
  return end;
}

constexpr std::size_t kNpyHeader = 128;  // a multiple of 64, and enough for four sides of any length
constexpr std::size_t kChunk = 1 << 20;
constexpr std::int64_t kRowsAtOnce = 1024;
constexpr std::int64_t kMostRows = 1'000'000'000'000;  // so that no count of bytes overflows

/// Call `use(data, size)` for the header and then for the values of a member, which begin at `start` of their file, a
/// piece at a time.
template <class Use>
void for_each_piece(const NpzMember& member, std::uint64_t start, const Use& use) {
  use(member.header.data(), member.header.size());
  std::ifstream values(member.values, std::ios::binary);
  values.seekg(static_cast<std::streamoff>(start));
  std::vector<char> chunk(kChunk);
  while (values.read(chunk.data(), kChunk), values.gcount() > 0) use(chunk.data(), values.gcount());
  if (!values.eof()) throw InputError(member.values.string() + ": cannot be read");
}

}  // namespace

NpyRows::NpyRows(const std::string& path, std::int64_t columns)
    : path_(path), columns_(columns), file_(std::fopen(path.c_str(), "rb")) {
  if (!file_) throw InputError(path + ": cannot be read: " + std::strerror(errno));
  std::array<char, 12> start{};
  if (std::fread(start.data(), 1, 12, file_.get()) != 12 || std::string_view(start.data(), 6) != "\x93NUMPY")
    throw InputError(path + ": wanted a .npy file of latent vectors, got another kind of file");
  const int length_bytes = start[6] == 1 ? 2 : 4;
  begin_ = 8 + length_bytes;
  std::string header(std::min<std::uint64_t>(little_endian(start.data() + 8, length_bytes), 1 << 16), ' ');
  std::fseek(file_.get(), begin_, SEEK_SET);
  if (std::fread(header.data(), 1, header.size(), file_.get()) != header.size())
    throw InputError(path + ": truncated, its header is not whole");
  begin_ += static_cast<std::int64_t>(header.size());
  const std::string_view type = after(header, "'descr'");
  std::string_view shape = after(header, "'shape'");
  rows_ = leading_whole(shape);
  const std::int64_t width = leading_whole(shape);
  const bool two = leading_whole(shape) == -1;
  item_ = type.starts_with("<f8") ? 8 : 4;
  if (!(type.starts_with("<f4") || type.starts_with("<f8")) || !after(header, "'fortran_order'").starts_with("False") ||
      rows_ < 1 || rows_ > kMostRows || width != columns || !two)
    throw InputError(path + ": wanted float32 or float64 [rows, " + std::to_string(columns) +
                     "] in C order, as the model's latent vectors are, got " + header.substr(0, header.find('\n')));
  struct stat about{};
  if (fstat(fileno(file_.get()), &about) != 0 ||
      about.st_size < begin_ + rows_ * columns * static_cast<std::int64_t>(item_))
    throw InputError(path + ": truncated, it ends before its " + std::to_string(rows_) + " rows");
}

void NpyRows::read(std::int64_t first, std::int64_t count, float* out) const {
  std::fill(out, out + count * columns_, 0.0f);
  const std::int64_t there = std::clamp<std::int64_t>(rows_ - first, 0, count), items = there * columns_;
  std::fseek(file_.get(), begin_ + first * columns_ * static_cast<std::int64_t>(item_), SEEK_SET);
  std::size_t got = 0;
  if (item_ == 4) {
    got = std::fread(out, 4, items, file_.get());
  } else {
    std::vector<double> wide(items);
    got = std::fread(wide.data(), 8, items, file_.get());
    std::copy(wide.begin(), wide.end(), out);
  }
  if (got != static_cast<std::size_t>(items)) throw InputError(path_ + ": cannot be read to its end");
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
  for (const std::int64_t side : shape) text += std::to_string(side) + ", ";
  text += "), }";
  text.resize(kNpyHeader - 11, ' ');  // which leaves room for the magic and the newline
  text += '\n';
  std::string header("\x93NUMPY\x01\x00", 8);
  append(header, text.size(), 2);
  return header + text;
}

std::string npz_start(const std::string& name, const std::string& header) {
  return local_header({name + ".npy", 0, 0, 0}) + header;
}

void finish_npz(std::span<const NpzMember> members) {
  const std::filesystem::path& path = members.front().values;
  std::fstream file(path, std::ios::binary | std::ios::in | std::ios::out);
  std::vector<Entry> entries;
  for (const NpzMember& member : members) {
    const bool first = entries.empty();
    Entry entry{member.name + ".npy", 0, static_cast<std::uint64_t>(file.tellp()), 0};
    const std::uint64_t start = first ? npz_start(member.name, member.header).size() : 0;
    Crc crc;
    for_each_piece(member, start, [&](const char* data, std::size_t size) { crc.add(data, size), entry.size += size; });
    entry.crc = crc.value();
    file << local_header(entry);
    if (first)
      file << member.header, file.seekp(0, std::ios::end);
    else
      for_each_piece(member, start, [&](const char* data, std::size_t size) { file.write(data, size); });
    entries.push_back(entry);
  }
  const auto place = static_cast<std::uint64_t>(file.tellp());
  std::string directory;
  for (const Entry& entry : entries) directory += central_header(entry);
  file << directory << end_of_zip(entries.size(), place, directory.size());
  file.close();
  if (!file) throw InputError(path.string() + ": cannot be written: " + std::strerror(errno));
}

}  // namespace crystalgrid
