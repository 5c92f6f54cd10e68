#include "json.hpp"

#include <algorithm>
#include <charconv>
#include <cmath>

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
                                  : Json{number()};
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

  double number() {
    double x = 0;
    const auto [end, error] = std::from_chars(rest_.data(), rest_.data() + rest_.size(), x);
    if (error != std::errc()) fail();
    rest_.remove_prefix(end - rest_.data());
    return x;
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

}  // namespace

Json Json::parse(std::string_view text) { return Parser(text).whole_text(); }

const Json& Json::at(const std::string& key) const {
  const auto* members = std::get_if<Object>(&value);
  if (!members || !members->contains(key)) throw InputError("'" + key + "' is missing");
  return members->at(key);
}

double Json::number(const std::string& key) const { return as<double>(*this, key, "a number"); }

long Json::whole(const std::string& key) const {
  const double x = number(key);
  if (x != std::floor(x) || std::fabs(x) > 1e15) throw InputError("'" + key + "' is not a whole number");
  return static_cast<long>(x);
}

const std::string& Json::string(const std::string& key) const { return as<std::string>(*this, key, "a text"); }

}  // namespace crystalgrid
