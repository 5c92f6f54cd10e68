// JSON (RFC 8259), to read an artifact's metadata and the table of options, and to keep a manifest.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

namespace crystalgrid {

class Json {
 public:
  using Array = std::vector<Json>;
  using Object = std::map<std::string, Json>;

  /// Read one value. Throws InputError if `text` is anything else: `nan`, `01`, a comma too many, nesting of more than
  /// 100 levels, half a surrogate pair.
  static Json parse(std::string_view text);

  /// The member of an object; null where there is none.
  const Json* find(const std::string& key) const;

  // The member of an object. Each throws InputError, naming the key, if the member is missing or of another type.
  const Json& at(const std::string& key) const;
  double number(const std::string& key) const;
  std::int64_t whole(const std::string& key) const;
  const std::string& string(const std::string& key) const;
  bool boolean(const std::string& key) const;
  const Array& array(const std::string& key) const;

  /// The value itself. Throws InputError if it is not text.
  const std::string& text() const;

  /// Return the value as text, with one member of an object to a line. Throws std::invalid_argument for a number that
  /// is not finite.
  std::string dump(int indent = 0) const;

  std::variant<std::nullptr_t, bool, double, std::int64_t, std::string, Array, Object> value;
};

}  // namespace crystalgrid
