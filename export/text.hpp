// Text of many small pieces, as files of atoms are.
#pragma once

#include <array>
#include <cstdio>
#include <string>

namespace crystalgrid {

/// Append what printf would print.
template <class... Values>
void append(std::string& text, const char* format, Values... values) {
  std::array<char, 256> piece;
  const int size = std::snprintf(piece.data(), piece.size(), format, values...);
  if (size < static_cast<int>(piece.size())) {
    text.append(piece.data(), static_cast<std::size_t>(size));
    return;
  }
  const std::size_t before = text.size();
  text.resize(before + size + 1);  // snprintf ends with a zero byte, which is dropped below
  std::snprintf(text.data() + before, size + 1, format, values...);
  text.resize(before + size);
}

}  // namespace crystalgrid
