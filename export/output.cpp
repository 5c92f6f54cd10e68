#include "output.hpp"

#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstring>
#include <string_view>
#include <utility>

#include "errors.hpp"

namespace crystalgrid {
namespace {

constexpr std::array kSymbols{
    "X",  "H",  "He", "Li", "Be", "B",  "C",  "N",  "O",  "F",  "Ne", "Na", "Mg", "Al", "Si", "P",  "S",  "Cl", "Ar",
    "K",  "Ca", "Sc", "Ti", "V",  "Cr", "Mn", "Fe", "Co", "Ni", "Cu", "Zn", "Ga", "Ge", "As", "Se", "Br", "Kr", "Rb",
    "Sr", "Y",  "Zr", "Nb", "Mo", "Tc", "Ru", "Rh", "Pd", "Ag", "Cd", "In", "Sn", "Sb", "Te", "I",  "Xe", "Cs", "Ba",
    "La", "Ce", "Pr", "Nd", "Pm", "Sm", "Eu", "Gd", "Tb", "Dy", "Ho", "Er", "Tm", "Yb", "Lu", "Hf", "Ta", "W",  "Re",
    "Os", "Ir", "Pt", "Au", "Hg", "Tl", "Pb", "Bi", "Po", "At", "Rn", "Fr", "Ra", "Ac", "Th", "Pa", "U",  "Np", "Pu"};

template <class... Values>
std::string formatted(const char* format, Values... values) {
  std::string text(std::snprintf(nullptr, 0, format, values...), '\0');
  std::snprintf(text.data(), text.size() + 1, format, values...);
  return text;
}

}  // namespace

void new_folder(const std::filesystem::path& path) {
  namespace fs = std::filesystem;
  std::error_code error;
  if (fs::exists(path, error) && !fs::is_directory(path))
    throw InputError(path.string() + ": wanted a folder to write to, but a file has that name");
  if (fs::is_directory(path, error) && !fs::is_empty(path, error) && !error)
    throw InputError(path.string() + ": the output folder exists and is not empty; choose another or remove it");
  fs::create_directories(path, error);
  if (error) throw InputError(path.string() + ": the output folder cannot be made: " + error.message());
}

PartFile::PartFile(std::filesystem::path path)
    : path_(std::move(path)), part_(path_.string() + ".part"), file_(std::fopen(part_.c_str(), "wb")) {
  if (!file_) fail("opened");
}

void PartFile::append(const void* data, std::size_t size) {
  if (std::fwrite(data, 1, size, file_.get()) != size || std::fflush(file_.get()) != 0) {
    const int reason = errno;
    if (ftruncate(fileno(file_.get()), static_cast<off_t>(size_)) != 0) errno = reason;
    errno = reason;
    fail("written");
  }
  size_ += size;
}

void PartFile::finish() {
  if (std::fflush(file_.get()) != 0 || fsync(fileno(file_.get())) != 0) fail("written");
  file_.reset();
  std::error_code error;
  std::filesystem::rename(part_, path_, error);
  if (error) throw InputError(path_.string() + ": cannot be renamed from " + part_.string() + ": " + error.message());
}

void PartFile::fail(const char* doing) const {
  throw InputError(part_.string() + ": cannot be " + doing + ": " + std::strerror(errno));
}

std::string npy_header(std::int64_t count, int n) {
  std::string text = formatted("{'descr': '<f4', 'fortran_order': False, 'shape': (%lld, %d, %d, %d), }",
                               static_cast<long long>(count), n, n, n);
  text.resize((10 + text.size()) / 64 * 64 + 64 - 11, ' ');  // magic, header and newline fill whole blocks of 64 bytes
  text += '\n';
  const auto size = static_cast<std::uint16_t>(text.size());
  return std::string("\x93NUMPY\x01\x00", 8) + static_cast<char>(size & 0xff) + static_cast<char>(size >> 8) + text;
}

std::string xyz_frame(const Atoms& atoms, std::int64_t b, std::int64_t index, std::int64_t seed,
                      const Metadata& model) {
  const std::int64_t first = atoms.offsets[b], last = atoms.offsets[b + 1];
  const double length = model.grid.length;
  std::string frame = formatted(
      "%lld\nLattice=\"%.9g 0 0 0 %.9g 0 0 0 %.9g\" Properties=species:S:1:pos:R:3 pbc=\"F F F\" index=%lld seed=%lld "
      "mode=%s model=sha256:%s\n",
      static_cast<long long>(last - first), length, length, length, static_cast<long long>(index),
      static_cast<long long>(seed), model.mode.c_str(), model.checksum.c_str());
  for (std::int64_t a = first; a < last; ++a) {
    const double* p = &atoms.positions[3 * a];
    frame += formatted("%-2s %.6f %.6f %.6f\n", kSymbols.at(atoms.numbers[a]), p[0], p[1], p[2]);
  }
  return frame;
}

}  // namespace crystalgrid
