// Launching a kernel: on the caller's device and stream, every error named.
#pragma once

#include <cuda_runtime.h>

#include <cstdint>
#include <stdexcept>
#include <string>

#include "crystalgrid/cuda.hpp"

namespace crystalgrid::cuda {

inline void check(cudaError_t status, const char* what) {
  if (status != cudaSuccess) throw std::runtime_error(std::string(what) + " on CUDA: " + cudaGetErrorString(status));
}

/// Makes a device the thread's own while it lives.
class OnDevice {
 public:
  OnDevice(int device, const char* what) {
    check(cudaGetDevice(&before_), what);
    if (before_ != device) check(cudaSetDevice(device), what);
  }
  ~OnDevice() { cudaSetDevice(before_); }
  OnDevice(const OnDevice&) = delete;
  OnDevice& operator=(const OnDevice&) = delete;

 private:
  int before_ = 0;
};

/// Queue `kernel` with a one-dimensional grid; of no blocks, nothing happens.
template <class... Parameters, class... Arguments>
void launch(const char* name, void (*kernel)(Parameters...), std::int64_t blocks, int threads, const Queue& queue,
            const Arguments&... arguments) {
  if (blocks == 0) return;
  if (blocks > 0x7fffffff) throw std::runtime_error(std::string(name) + " on CUDA: the batch is too large");
  const OnDevice device(queue.device, name);
  kernel<<<static_cast<unsigned>(blocks), threads, 0, static_cast<cudaStream_t>(queue.stream)>>>(arguments...);
  check(cudaGetLastError(), name);
}

}  // namespace crystalgrid::cuda
