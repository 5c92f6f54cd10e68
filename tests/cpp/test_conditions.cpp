// Conditions: from the words of a command line to what a generator is given.
#include "check.hpp"
#include "command_line.hpp"
#include "conditions.hpp"
#include "option_table.hpp"

using namespace crystalgrid;

namespace {

using Values = std::vector<double>;

Conditions conditions(std::vector<const char*> words) {
  words.insert(words.end(), {"m", "-o", "out"});
  return read_conditions(CommandLine(kOptionTable).parse(words));
}

Values values(const char* option, const char* value, const char* name) {
  return conditions({option, value}).values.at(name);
}

void test_values() {
  CHECK(conditions({}).values.empty());
  CHECK(values("--formula", "Li4Fe4P4O16", "formula") == (Values{3, 1, 8, 4, 15, 1, 26, 1}));
  CHECK(conditions({"--formula", "NaCl", "--z", "4,2"}).values.at("z") == (Values{2, 4}));
  CHECK(values("--elements", "O,Li,O", "elements") == (Values{3, 8}));
  CHECK(values("--among", "O", "among") == (Values{8}));
  CHECK(values("--without", "Pb,Cd", "without") == (Values{48, 82}));
  CHECK(values("--n-elements", "2:3", "n_elements") == (Values{2, 3}));
  CHECK(values("--n-elements", "2", "n_elements") == (Values{2, 2}));
  CHECK(values("--atoms", ":20", "atoms") == (Values{0, 20}));
  CHECK(values("--atoms", "4:", "atoms").front() == 4 && values("--atoms", "4:", "atoms").back() > 1e6);
  CHECK(values("--density", "2.5:5", "density") == (Values{2.5, 5}));
  CHECK(values("--volume-per-atom", "8:20", "volume_per_atom") == (Values{8, 20}));
  CHECK(values("--largest-z", "1:40", "largest_z") == (Values{1, 40}));
  CHECK(values("--structures", "new", "structures") == (Values{2}));
}

void test_space_groups() {
  CHECK(values("--space-group", "225,62,62", "space_groups") == (Values{62, 225}));
  CHECK(values("--space-group", "Pnma,P6_3/mmc,P63mc,F m -3 m", "space_groups") == (Values{62, 186, 194, 225}));
  CHECK(values("--crystal-system", "cubic", "space_groups").size() == 36);
  CHECK(values("--crystal-system", "triclinic,cubic", "space_groups").front() == 1);
  const Conditions both = conditions({"--crystal-system", "orthorhombic", "--space-group", "62,225"});
  CHECK(both.values.at("space_groups") == (Values{62}));
  CHECK(std::get<std::string>(both.words.at("space-group").value) == "62,225");
}

void test_a_formula_of_several_units_is_noted() {
  const auto note = [](const char* formula) { return formula_note(conditions({"--formula", formula})); };
  CHECK(formula_note(conditions({})).empty());
  CHECK(note("Ca(OH)2").empty());
  CHECK(note("Li2O2") ==
        "--formula: Li2O2 is 2 formula units; crystals hold any number of them; --z 2 asks for Li2O2 in the primitive "
        "cell");
  CHECK(formula_note(conditions({"--formula", "Li2O2", "--z", "2"})).empty());
}

void test_refusals() {
  const auto message = [](std::vector<const char*> words) { return refusal([&] { conditions(words); }); };
  CHECK(message({"--atoms", "9:8"}) == "--atoms: wanted whole numbers LO:HI from 0, LO at most HI, as 2:4, got '9:8'");
  for (const char* text : {":", "a:2", "1:2:3", "1.5:2", "-1:2", "1:99999999999999"})
    CHECK(message({"--atoms", text}).starts_with("--atoms: wanted whole numbers LO:HI"));
  for (const char* text : {"nan:2", "1:inf", "2:1"})
    CHECK(message({"--density", text}).starts_with("--density: wanted numbers LO:HI"));
  for (const char* text : {"0", "231", "Pnmx", "62,", "-3"})
    CHECK(message({"--space-group", text}).starts_with("--space-group: wanted numbers from 1 to 230 or symbols"));
  CHECK(message({"--elements", "Li,,O"}).starts_with("--elements: wanted symbols"));
  CHECK(message({"--formula", "Xx"}) == "--formula: no element of 1 to 94 has the symbol Xx in 'Xx'");
  CHECK(message({"--crystal-system", "square"}).starts_with("--crystal-system: wanted crystal systems (triclinic, "));
  CHECK(message({"--z", "4"}).starts_with("--z: wanted --formula with it"));
  CHECK(message({"--formula", "NaCl", "--z", "0"}).starts_with("--z: wanted whole numbers from 1"));
  CHECK(message({"--crystal-system", "cubic", "--space-group", "62"}).starts_with("--space-group and --crystal-sys"));
}

}  // namespace

int main() {
  test_values();
  test_space_groups();
  test_a_formula_of_several_units_is_noted();
  test_refusals();
  return report();
}
