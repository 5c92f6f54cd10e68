// Damaged inputs for readers, the same in every run.
#pragma once

#include <random>
#include <string>
#include <string_view>

/// Return `text` with one to four bytes changed, inserted, removed or doubled.
inline std::string mutate(std::string text, std::mt19937& random) {
  static constexpr std::string_view kLikely = "\"\\{}[](),:0123456789.eE+-'u \n\0\xff";
  for (unsigned change = 0, count = 1 + random() % 4; change < count; ++change) {
    const std::size_t at = random() % (text.size() + 1);
    const char byte = random() % 4 ? kLikely[random() % kLikely.size()] : static_cast<char>(random());
    switch (random() % 4) {
      case 0:
        text.insert(at, 1, byte);
        break;
      case 1:
        if (at < text.size()) text[at] = byte;
        break;
      case 2:
        text.erase(at, 1 + random() % 8);
        break;
      default:
        text.insert(at, text.substr(random() % (text.size() + 1), 1 + random() % 16));
    }
  }
  return text;
}
