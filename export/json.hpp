// JSON: what it takes to read an artifact's metadata and to keep a manifest.
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

  /// Throws InputError where `text` is not one JSON value.
  static Json parse(std::string_view text);

  // Each throws InputError, naming the key, where the value is missing or of another kind.
  const Json& at(const std::string& key) const;
  double number(const std::string& key) const;
  std::int64_t whole(const std::string& key) const;
  const std::string& string(const std::string& key) const;
  bool boolean(const std::string& key) const;

  /// As text, objects a member to a line.
  std::string dump(int indent = 0) const;

  std::variant<std::nullptr_t, bool, double, std::int64_t, std::string, Array, Object> value;
};

}  // namespace crystalgrid
