// .npy files: rows are read as they were written, and damaged files are refused.
#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <limits>

#include "check.hpp"
#include "mutate.hpp"
#include "npy.hpp"
#include "sha256.hpp"

using crystalgrid::NpyRows;

namespace {

const std::filesystem::path kFile =
    std::filesystem::temp_directory_path() / ("crystalgrid-test-" + std::to_string(getpid()) + ".npy");

constexpr std::int64_t kRows = 5, kColumns = 3;

template <class T>
std::string array_of(const std::string& descr, const std::vector<T>& values) {
  std::string content = crystalgrid::npy_header(descr, {kRows, kColumns});
  content.append(reinterpret_cast<const char*>(values.data()), values.size() * sizeof(T));
  return content;
}

NpyRows open(const std::string& content, std::int64_t columns = kColumns) {
  std::ofstream(kFile, std::ios::binary) << content;
  return {kFile.string(), columns};
}

template <class T>
std::vector<T> values() {
  std::vector<T> values;
  for (int i = 0; i < kRows * kColumns; ++i) values.push_back(static_cast<T>(0.1 * i - 1));
  return values;
}

void test_header() {
  for (const std::int64_t rows : {0l, 1l, 1'000'000'000'000l})
    CHECK(crystalgrid::npy_header("<f4", {rows, 30, 30, 30}).size() == 128);
  CHECK(crystalgrid::npy_header("<i8", {7}).substr(0, 10) == std::string("\x93NUMPY\x01\x00\x76\x00", 10));
  CHECK(crystalgrid::npy_header("<i8", {7}).back() == '\n');
}

void test_rows() {
  const std::vector<float> single = values<float>();
  const NpyRows rows = open(array_of("<f4", single));
  CHECK(rows.rows() == kRows);
  std::vector<float> got(4 * kColumns, -1);
  rows.read(3, 4, got.data());
  for (int i = 0; i < 4 * kColumns; ++i) CHECK(got[i] == (i < 2 * kColumns ? single[3 * kColumns + i] : 0));
  crystalgrid::Sha256 sum;
  sum.update(single.data(), 4 * kColumns * sizeof(float));
  CHECK(rows.checksum(4) == sum.hex());
  CHECK(open(array_of("<f8", values<double>())).checksum(kRows) == rows.checksum(kRows));
}

void test_refusals() {
  const std::string good = array_of("<f4", values<float>());
  CHECK(refusal([] { NpyRows("/no/such/file.npy", kColumns); }).find("cannot be read: No such file") !=
        std::string::npos);
  CHECK(refusal([&] { open(good, 4); }).find("wanted float32 or float64 [rows, 4]") != std::string::npos);
  CHECK(refusal([&] { open(good.substr(0, good.size() - 1)); }).find("truncated") != std::string::npos);
  CHECK(refusal([&] { open(good.substr(0, 100)); }).find("header is not whole") != std::string::npos);
  CHECK(refusal([&] { open("text"); }).find("another kind of file") != std::string::npos);
  std::vector<float> bad = values<float>();
  bad[7] = std::numeric_limits<float>::infinity();
  CHECK(refusal([&] { open(array_of("<f4", bad)).checksum(kRows); }).find("row 2 has a value that is not finite") !=
        std::string::npos);
}

/// A damaged file is refused, or read as some array of three columns.
void test_damaged_files() {
  std::mt19937 random(2);
  const std::string good = array_of("<f4", values<float>());
  int refused = 0;
  for (int i = 0; i < 500; ++i) {
    std::string header = mutate(good.substr(0, 128), random);
    refused += !refusal([&] {
                  const NpyRows rows = open(header + good.substr(128));
                  std::vector<float> out(2 * kColumns);
                  rows.read(0, 2, out.data());
                  rows.checksum(rows.rows());
                }).empty();
  }
  CHECK(refused > 100);
}

}  // namespace

int main() {
  test_header();
  test_rows();
  test_refusals();
  test_damaged_files();
  std::filesystem::remove(kFile);
  return report();
}
