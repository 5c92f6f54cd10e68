// The arguments that Python hands over: addresses of flat arrays whose shapes and types it has checked.
#pragma once

#include <cstdint>

#include "crystalgrid/atoms.hpp"

namespace crystalgrid {

template <class T>
T* at(std::uintptr_t address) {
  return reinterpret_cast<T*>(address);
}

inline LabelledCubes labelled_cubes(std::uintptr_t species, std::uintptr_t density, std::uintptr_t confidence,
                                    std::int64_t batch) {
  return {at<const std::uint8_t>(species), at<const float>(density), at<const float>(confidence), batch};
}

}  // namespace crystalgrid
