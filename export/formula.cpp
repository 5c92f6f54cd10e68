#include "formula.hpp"

#include <algorithm>
#include <array>
#include <charconv>
#include <numeric>
#include <tuple>
#include <utility>
#include <vector>

#include "elements.hpp"
#include "errors.hpp"

namespace crystalgrid {
namespace {

constexpr std::int64_t kMaxCount = 1'000'000;  // of atoms in a formula, far above what any crystal here has
constexpr int kMaxDepth = 20;                  // of brackets, so that no text exhausts the stack

/// The difference in electronegativity from which on pymatgen no longer takes the last two elements for one anion.
constexpr double kIonic = 1.65;

/// Formulas that pymatgen does not reduce completely.
constexpr std::array<std::pair<std::string_view, std::string_view>, 11> kMolecules{{
    {"LiO", "Li2O2"},
    {"NaO", "Na2O2"},
    {"KO", "K2O2"},
    {"HO", "H2O2"},
    {"CsO", "Cs2O2"},
    {"RbO", "Rb2O2"},
    {"O", "O2"},
    {"N", "N2"},
    {"F", "F2"},
    {"Cl", "Cl2"},
    {"H", "H2"},
}};

class FormulaParser {
 public:
  explicit FormulaParser(std::string_view text) : text_(text), rest_(text) {}

  Composition whole() {
    Composition composition = units();
    if (!rest_.empty() || composition.empty()) fail();
    return composition;
  }

 private:
  [[noreturn]] void fail() const {
    throw InputError("wanted a formula such as LiFePO4 or Ca(OH)2, got '" + std::string(text_) + "'");
  }

  /// Elements and groups in brackets, with their counts.
  Composition units() {
    if (++depth_ > kMaxDepth) fail();
    Composition total;
    while (!rest_.empty() && rest_.front() != ')' && rest_.front() != ']') {
      const Composition unit = rest_.front() == '(' || rest_.front() == '[' ? group() : Composition{{symbol(), 1}};
      const std::int64_t times = count();
      for (const auto& [number, atoms] : unit) total[number] += times * atoms;
      if (atoms_of(total) > kMaxCount) fail();
    }
    --depth_;
    return total;
  }

  Composition group() {
    const char close = rest_.front() == '(' ? ')' : ']';
    rest_.remove_prefix(1);
    Composition content = units();
    if (rest_.empty() || rest_.front() != close || content.empty()) fail();
    rest_.remove_prefix(1);
    return content;
  }

  int symbol() {
    const auto is_letter = [&](std::size_t at, char first, char last) {
      return at < rest_.size() && first <= rest_[at] && rest_[at] <= last;
    };
    if (!is_letter(0, 'A', 'Z')) fail();
    const std::string_view word = rest_.substr(0, is_letter(1, 'a', 'z') ? 2 : 1);
    const std::optional<int> number = atomic_number(word);
    if (!number)
      throw InputError("no element of 1 to 94 has the symbol " + std::string(word) + " in '" + std::string(text_) +
                       "'");
    rest_.remove_prefix(word.size());
    return *number;
  }

  std::int64_t count() {
    std::int64_t number = 1;
    const auto [stop, error] = std::from_chars(rest_.data(), rest_.data() + rest_.size(), number);
    if (error == std::errc::invalid_argument) return 1;
    if (error != std::errc() || number < 1 || number > kMaxCount) fail();
    rest_.remove_prefix(static_cast<std::size_t>(stop - rest_.data()));
    return number;
  }

  std::string_view text_, rest_;
  int depth_ = 0;
};

std::int64_t common_divisor(const Composition& composition) {
  std::int64_t divisor = 0;
  for (const auto& [number, count] : composition) divisor = std::gcd(divisor, count);
  return std::max<std::int64_t>(divisor, 1);
}

/// Return a symbol with its count, which is not written if it is 1.
std::string counted(const std::string& symbol, std::int64_t count) {
  return count == 1 ? symbol : symbol + std::to_string(count);
}

/// Return the atomic numbers by electronegativity, then by symbol.
std::vector<int> by_electronegativity(const Composition& composition) {
  std::vector<int> numbers;
  for (const auto& [number, count] : composition) numbers.push_back(number);
  std::sort(numbers.begin(), numbers.end(), [](int a, int b) {
    const auto key = [](int number) { return std::tie(element(number).electronegativity, element(number).symbol); };
    return key(a) < key(b);
  });
  return numbers;
}

/// Return the last two elements in brackets, (NO3)2, if they may be one anion of which there are several; else nothing.
std::string anions(const Composition& composition, const std::vector<int>& numbers) {
  if (numbers.size() < 3) return "";
  const int first = numbers[numbers.size() - 2], second = numbers.back();
  if (!(element(second).electronegativity - element(first).electronegativity < kIonic)) return "";
  const std::int64_t a = composition.at(first), b = composition.at(second), units = std::gcd(a, b);
  if (units == 1) return "";
  const std::string anion = counted(element(first).symbol, a / units) + counted(element(second).symbol, b / units);
  return std::string("(").append(anion).append(")").append(std::to_string(units));
}

}  // namespace

Composition parse_formula(std::string_view text) { return FormulaParser(text).whole(); }

Composition reduced(const Composition& composition) {
  Composition smaller = composition;
  for (auto& [number, count] : smaller) count /= common_divisor(composition);
  return smaller;
}

std::int64_t atoms_of(const Composition& composition) {
  std::int64_t atoms = 0;
  for (const auto& [number, count] : composition) atoms += count;
  return atoms;
}

std::string reduced_formula(const Composition& composition) {
  const Composition unit = reduced(composition);
  std::vector<int> numbers = by_electronegativity(unit);
  const std::string last = anions(unit, numbers);
  if (!last.empty()) numbers.resize(numbers.size() - 2);
  std::string formula;
  for (const int number : numbers) formula += counted(element(number).symbol, unit.at(number));
  formula += last;
  for (const auto& [atomic, molecule] : kMolecules)
    if (formula == atomic) return std::string(molecule);
  return formula;
}

std::string hill_formula(const Composition& composition) {
  std::vector<std::pair<std::string, std::int64_t>> parts;
  for (const auto& [number, count] : composition) parts.emplace_back(element(number).symbol, count);
  const bool organic = composition.contains(6);
  std::sort(parts.begin(), parts.end(), [&](const auto& a, const auto& b) {
    const auto rank = [&](const std::string& symbol) {
      return !organic ? 2 : symbol == "C" ? 0 : symbol == "H" ? 1 : 2;
    };
    return std::pair(rank(a.first), a.first) < std::pair(rank(b.first), b.first);
  });
  std::string formula;
  for (const auto& [symbol, count] : parts) {
    if (!formula.empty()) formula += ' ';
    formula += counted(symbol, count);
  }
  return formula;
}

}  // namespace crystalgrid
