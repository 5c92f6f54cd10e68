#include "json.hpp"

#include <algorithm>
#include <array>
#include <charconv>
#include <cmath>
#include <stdexcept>

#include "errors.hpp"

namespace crystalgrid {
namespace {

constexpr int kMaxDepth = 100;  // deeper nesting could exhaust the stack

bool is_digit(char c) { return '0' <= c && c <= '9'; }
bool is_control(char c) { return static_cast<unsigned char>(c) < 0x20; }
bool is_high_surrogate(unsigned code) { return 0xd800 <= code && code < 0xdc00; }
bool is_low_surrogate(unsigned code) { return 0xdc00 <= code && code < 0xe000; }

/// Append a code point as UTF-8: a first byte that says how many follow, then six bits a byte.
void append_utf8(std::string& out, unsigned code) {
  const auto following = [&](int shift) { out += static_cast<char>(0x80 | (code >> shift & 0x3f)); };
  if (code < 0x80) {
    out += static_cast<char>(code);
  } else if (code < 0x800) {
    out += static_cast<char>(0xc0 | code >> 6);
    following(0);
  } else if (code < 0x10000) {
    out += static_cast<char>(0xe0 | code >> 12);
    following(6), following(0);
  } else {
    out += static_cast<char>(0xf0 | code >> 18);
    following(12), following(6), following(0);
  }
}

class Parser {
 public:
  explicit Parser(std::string_view text) : rest_(text) {}

  Json whole_text() {
    Json json = value();
    skip_space();
    if (!rest_.empty()) fail();
    return json;
  }

 private:
  [[noreturn]] static void fail() { throw InputError("not valid JSON"); }

  void skip_space() { rest_.remove_prefix(std::min(rest_.find_first_not_of(" \t\r\n"), rest_.size())); }

  char next() {
    if (rest_.empty()) fail();
    const char c = rest_.front();
    rest_.remove_prefix(1);
    return c;
  }

  /// Skip `token` if it comes next, and return whether it did.
  bool skip(std::string_view token) {
    skip_space();
    if (!rest_.starts_with(token)) return false;
    rest_.remove_prefix(token.size());
    return true;
  }

  void expect(std::string_view token) {
    if (!skip(token)) fail();
  }

  Json value() {
    if (++depth_ > kMaxDepth) fail();
    Json json = skip("{")       ? Json{object()}
                : skip("[")     ? Json{array()}
                : skip("\"")    ? Json{string()}
                : skip("true")  ? Json{true}
                : skip("false") ? Json{false}
                : skip("null")  ? Json{nullptr}
                                : number();
    --depth_;
    return json;
  }

  Json::Object object() {
    Json::Object members;
    if (skip("}")) return members;
    do {
      expect("\"");
      std::string key = string();
      expect(":");
      members.insert_or_assign(std::move(key), value());
    } while (skip(","));
    expect("}");
    return members;
  }

  Json::Array array() {
    Json::Array items;
    if (skip("]")) return items;
    do items.push_back(value());
    while (skip(","));
    expect("]");
    return items;
  }

  std::string string() {
    std::string out;
    for (char c = next(); c != '"'; c = next()) {
      if (is_control(c)) fail();
      if (c == '\\')
        escape(out);
      else
        out += c;
    }
    return out;
  }

  void escape(std::string& out) {
    const char c = next();
    if (c == 'u') {
      append_utf8(out, code_point());
      return;
    }
    const auto found = std::string_view("\"\\/bfnrt").find(c);
    if (found == std::string_view::npos) fail();
    out += "\"\\/\b\f\n\r\t"[found];
  }

  /// The code point of a `\u` escape; one beyond 16 bits is written as two escapes, a surrogate pair.
  unsigned code_point() {
    const unsigned first = four_hex_digits();
    if (is_low_surrogate(first)) fail();
    if (!is_high_surrogate(first)) return first;
    if (next() != '\\' || next() != 'u') fail();
    const unsigned second = four_hex_digits();
    if (!is_low_surrogate(second)) fail();
    return 0x10000 + ((first - 0xd800) << 10) + (second - 0xdc00);
  }

  unsigned four_hex_digits() {
    unsigned code = 0;
    const char* first = rest_.data();
    if (rest_.size() < 4 || std::from_chars(first, first + 4, code, 16).ptr != first + 4) fail();
    rest_.remove_prefix(4);
    return code;
  }

  /// The length of the digits at `at`, of which JSON wants at least one.
  std::size_t digits(std::size_t at) const {
    std::size_t end = at;
    while (end < rest_.size() && is_digit(rest_[end])) ++end;
    if (end == at) fail();
    return end - at;
  }

  bool is_at(std::size_t at, std::string_view characters) const {
    return at < rest_.size() && characters.find(rest_[at]) != std::string_view::npos;
  }

  /// The text of the number that comes next. `from_chars` alone would also read 01, 1., .5, inf and nan.
  std::string_view number_text() const {
    std::size_t end = is_at(0, "-") ? 1 : 0;
    end += is_at(end, "0") ? 1 : digits(end);
    if (is_at(end, ".")) end += 1 + digits(end + 1);
    if (is_at(end, "eE")) {
      end += is_at(end + 1, "+-") ? 2 : 1;
      end += digits(end);
    }
    return rest_.substr(0, end);
  }

  /// A whole number if it is written as one and fits into 64 bits, else a double, which must be finite. -0 is a double.
  Json number() {
    const std::string_view text = number_text();
    const char *first = text.data(), *last = first + text.size();
    rest_.remove_prefix(text.size());
    std::int64_t whole = 0;
    const auto [whole_end, whole_error] = std::from_chars(first, last, whole);
    if (whole_error == std::errc() && whole_end == last && text != "-0") return Json{whole};
    double x = 0;
    if (std::from_chars(first, last, x).ec != std::errc()) fail();
    return Json{x};
  }

  std::string_view rest_;
  int depth_ = 0;
};

template <class T>
const T& as(const Json& json, const std::string& key, const char* wanted) {
  const T* value = std::get_if<T>(&json.at(key).value);
  if (!value) throw InputError("'" + key + "' is not " + wanted);
  return *value;
}

std::string quoted(const std::string& text) {
  std::string out = "\"";
  for (const char c : text) {
    if (is_control(c)) {
      constexpr std::string_view digits = "0123456789abcdef";
      out += {'\\', 'u', '0', '0', digits[c >> 4 & 15], digits[c & 15]};
    } else {
      if (c == '"' || c == '\\') out += '\\';
      out += c;
    }
  }
  return out + '"';
}

/// The shortest text that reads back as the same number. Throws std::invalid_argument for one that JSON cannot write.
std::string shortest(double x) {
  if (!std::isfinite(x)) throw std::invalid_argument("JSON: wanted a finite number, got " + std::to_string(x));
  std::array<char, 32> text{};
  const auto [end, error] = std::to_chars(text.data(), text.data() + text.size(), x);
  return {text.data(), end};
}

struct Dump {
  int indent;

  std::string operator()(std::nullptr_t) const { return "null"; }
  std::string operator()(bool x) const { return x ? "true" : "false"; }
  std::string operator()(std::int64_t x) const { return std::to_string(x); }
  std::string operator()(double x) const { return shortest(x); }
  std::string operator()(const std::string& text) const { return quoted(text); }
  std::string operator()(const Json::Array& items) const {
    std::string out = "[";
    for (const Json& item : items) out += (out.size() > 1 ? ", " : "") + item.dump(indent);
    return out + "]";
  }
  std::string operator()(const Json::Object& members) const {
    std::string out;
    for (const auto& [key, member] : members)
      out +=
          (out.empty() ? "{\n" : ",\n") + std::string(indent + 1, ' ') + quoted(key) + ": " + member.dump(indent + 1);
    return out.empty() ? "{}" : out + "\n" + std::string(indent, ' ') + "}";
  }
};

}  // namespace

Json Json::parse(std::string_view text) { return Parser(text).whole_text(); }

std::string Json::dump(int indent) const { return std::visit(Dump{indent}, value); }

const Json* Json::find(const std::string& key) const {
  const auto* members = std::get_if<Object>(&value);
  if (!members) return nullptr;
  const auto member = members->find(key);
  return member == members->end() ? nullptr : &member->second;
}

const Json& Json::at(const std::string& key) const {
  if (const Json* member = find(key)) return *member;
  throw InputError("'" + key + "' is missing");
}

double Json::number(const std::string& key) const {
  if (const auto* whole = std::get_if<std::int64_t>(&at(key).value)) return static_cast<double>(*whole);
  return as<double>(*this, key, "a number");
}

bool Json::boolean(const std::string& key) const { return as<bool>(*this, key, "true or false"); }

std::int64_t Json::whole(const std::string& key) const { return as<std::int64_t>(*this, key, "a whole number"); }

const std::string& Json::string(const std::string& key) const { return as<std::string>(*this, key, "a text"); }

const Json::Array& Json::array(const std::string& key) const { return as<Array>(*this, key, "a list"); }

const std::string& Json::text() const {
  if (const auto* text = std::get_if<std::string>(&value)) return *text;
  throw InputError("wanted a text, got " + dump());
}

}  // namespace crystalgrid
