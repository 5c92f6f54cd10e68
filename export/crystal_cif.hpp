// Crystals as CIF files with their symmetry.
#pragma once

#include <cstdint>
#include <map>
#include <string>

#include "crystal_facts.hpp"
#include "draws.hpp"

namespace crystalgrid {

/// Return an operation [3][4], a rotation and a translation, as CIF writes it: "-x+y, y, z+1/2".
std::string operation_text(const double* operation);

/// Writes CIF files; what depends on the space group alone is made once.
class CifWriter {
 public:
  /// Return the CIF of crystal b: the conventional cell of the standard setting, all operations, and an atom of each
  /// Wyckoff orbit. `comment` is put into the first line, `facts` are those of the same crystal.
  std::string operator()(const Draws& draws, std::int64_t b, const CrystalFacts& facts, const std::string& name,
                         const std::string& comment);

 private:
  const std::string& symmetry(const Draws& draws, std::int64_t space_group);

  std::map<std::int64_t, std::string> symmetries_;  // by space group
};

}  // namespace crystalgrid
