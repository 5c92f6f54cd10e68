// A file descriptor that is closed when it goes out of scope.
#pragma once

#include <unistd.h>

namespace crystalgrid {

class Descriptor {
 public:
  explicit Descriptor(int file) : file_(file) {}
  ~Descriptor() {
    if (file_ >= 0) ::close(file_);
  }
  Descriptor(const Descriptor&) = delete;
  Descriptor& operator=(const Descriptor&) = delete;
  operator int() const { return file_; }

 private:
  int file_;
};

}  // namespace crystalgrid
