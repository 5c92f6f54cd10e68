// Whether a composition can be electrically neutral.
#pragma once

#include "formula.hpp"

namespace crystalgrid {

/// Return whether a composition is a single element or of metals only, whose charges say nothing, or if the oxidation
/// states in elements.json can add up to zero. All atoms of an element have one state, or two that differ by 1, as in
/// Fe3O4.
bool charge_balanced(const Composition& composition);

}  // namespace crystalgrid
