// The seconds that the stages of a run took.
#pragma once

#include <string>
#include <utility>
#include <vector>

namespace crystalgrid {

/// Stages in the order in which they run, by name.
using Profile = std::vector<std::pair<std::string, double>>;

}  // namespace crystalgrid
