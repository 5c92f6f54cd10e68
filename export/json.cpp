#include "json.hpp"

#include <algorithm>
#include <array>
#include <charconv>

#include "errors.hpp"

namespace crystalgrid {
namespace {

/// Append a code point as UTF-8.
void append(std::string& out, unsigned code) {
  if (code < 0x80) {
    out += static_cast<char>(code);
  } else if (code < 0x800) {
    out += static_cast<char>(0xc0 | code >> 6);
    out += static_cast<char>(0x80 | (code & 0x3f));
  } else {
    out += static_cast<char>(0xe0 | code >> 12);
    out += static_cast<char>(0x80 | (code >> 6 & 0x3f));
    out += static_cast<char>(0x80 | (code & 0x3f));
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

  /// Whether the next thing is `token`, which is then passed.
  bool passed(std::string_view token) {
    skip_space();
    if (!rest_.starts_with(token)) return false;
    rest_.remove_prefix(token.size());
    return true;
  }

  void pass(std::string_view token) {
    if (!passed(token)) fail();
  }

  Json value() {
    if (++depth_ > 100) fail();
    Json json = passed("{")       ? Json{object()}
                : passed("[")     ? Json{array()}
                : passed("\"")    ? Json{string()}
                : passed("true")  ? Json{true}
                : passed("false") ? Json{false}
                : passed("null")  ? Json{nullptr}
                                  : number();
    --depth_;
    return json;
  }

  Json::Object object() {
    Json::Object members;
    if (passed("}")) return members;
    do {
      pass("\"");
      std::string key = string();
      pass(":");
      members.insert_or_assign(std::move(key), value());
    } while (passed(","));
    pass("}");
    return members;
  }

  Json::Array array() {
    Json::Array items;
    if (passed("]")) return items;
    do items.push_back(value());
    while (passed(","));
    pass("]");
    return items;
  }

  std::string string() {
    std::string out;
    for (char c; (c = next()) != '"';) {
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
      unsigned code = 0;
      const char* first = rest_.data();
      if (rest_.size() < 4 || std::from_chars(first, first + 4, code, 16).ptr != first + 4) fail();
      rest_.remove_prefix(4);
      append(out, code);
      return;
    }
    const auto place = std::string_view("\"\\/bfnrt").find(c);
    if (place == std::string_view::npos) fail();
    out += "\"\\/\b\f\n\r\t"[place];
  }

  /// A whole number where it is written as one and fits.
  Json number() {
    const char *first = rest_.data(), *last = first + rest_.size();
    double x = 0;
    const auto [end, error] = std::from_chars(first, last, x);
    if (error != std::errc()) fail();
    std::int64_t whole = 0;
    const auto [whole_end, whole_error] = std::from_chars(first, last, whole);
    rest_.remove_prefix(end - first);
    return whole_error == std::errc() && whole_end == end ? Json{whole} : Json{x};
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
    const bool control = static_cast<unsigned char>(c) < 0x20;
    if (control) {
      constexpr std::string_view digits = "0123456789abcdef";
      out += {'\\', 'u', '0', '0', digits[c >> 4 & 15], digits[c & 15]};
    } else {
      if (c == '"' || c == '\\') out += '\\';
      out += c;
    }
  }
  return out + '"';
}

/// The shortest text that reads back as the same number.
std::string shortest(double x) {
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

const Json& Json::at(const std::string& key) const {
  const auto* members = std::get_if<Object>(&value);
  if (!members || !members->contains(key)) throw InputError("'" + key + "' is missing");
  return members->at(key);
}

double Json::number(const std::string& key) const {
  if (const auto* whole = std::get_if<std::int64_t>(&at(key).value)) return static_cast<double>(*whole);
  return as<double>(*this, key, "a number");
}

bool Json::boolean(const std::string& key) const { return as<bool>(*this, key, "true or false"); }

std::int64_t Json::whole(const std::string& key) const { return as<std::int64_t>(*this, key, "a whole number"); }

const std::string& Json::string(const std::string& key) const { return as<std::string>(*this, key, "a text"); }

}  // namespace crystalgrid
