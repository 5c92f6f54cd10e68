// Crystals as frames of extended XYZ and rows of a table.
#pragma once

#include <cstdint>
#include <string>

#include "crystal_facts.hpp"
#include "draws.hpp"
#include "metadata.hpp"

namespace crystalgrid {

/// Return a frame of extended XYZ: the primitive cell of crystal b. `comment` says where it comes from.
std::string crystal_frame(const Draws& draws, std::int64_t b, const CrystalFacts& facts, const std::string& comment);

/// Return the first line of the table of crystals.
std::string table_header();

/// Return the line of crystal b, which is draw `index` of the library.
std::string table_row(const Draws& draws, std::int64_t b, const CrystalFacts& facts, const Metadata& model,
                      std::int64_t index);

}  // namespace crystalgrid
