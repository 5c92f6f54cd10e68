// Chemical formulas: read from the command line, and written as tables and CIF want them.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <string_view>

namespace crystalgrid {

/// The number of atoms of each element, by atomic number.
using Composition = std::map<int, std::int64_t>;

/// Read a formula such as LiFePO4 or Ca(OH)2. Throws InputError, in words that follow the name of an option, for what
/// is none.
Composition parse_formula(std::string_view text);

/// Return the numbers of atoms divided by their greatest common divisor.
Composition reduced(const Composition& composition);

/// Return the number of atoms.
std::int64_t atoms_of(const Composition& composition);

/// Return the reduced formula as pymatgen writes it: elements by electronegativity (LiFePO4, SmSnPd), groups of the two
/// most electronegative in brackets (Ca(NO3)2), and molecules of two atoms as such (O2, Na2O2).
std::string reduced_formula(const Composition& composition);

/// Return the formula as CIF's `_chemical_formula_sum` has it: carbon and hydrogen first, then the others by symbol.
std::string hill_formula(const Composition& composition);

}  // namespace crystalgrid
