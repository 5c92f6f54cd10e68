// What Python hands over: addresses of flat arrays whose shapes and types it has checked.
#pragma once

#include <cstdint>

namespace crystalgrid {

template <class T>
T* at(std::uintptr_t address) {
  return reinterpret_cast<T*>(address);
}

}  // namespace crystalgrid
