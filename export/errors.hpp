// The one error that is the user's to mend: a single line that names the thing, what was wanted and what came.
#pragma once

#include <stdexcept>

namespace crystalgrid {

struct InputError : std::runtime_error {
  using std::runtime_error::runtime_error;
};

}  // namespace crystalgrid
