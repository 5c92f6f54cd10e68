// Records of crystals: what is written of rock salt, and what a generator may not give.
#include <functional>
#include <limits>
#include <string>

#include "check.hpp"
#include "crystal_records.hpp"

using namespace crystalgrid;

namespace {

/// Rock salt, and a draw that could not meet the conditions.
Draws rock_salt() {
  const std::vector<double> cubic{5.64, 0, 0, 0, 5.64, 0, 0, 0, 5.64},
      centred{0, 2.82, 2.82, 2.82, 0, 2.82, 2.82, 2.82, 0};
  Draws draws;
  draws.space_group = {225, 0};
  draws.lattice = cubic;
  draws.lattice.resize(18);
  draws.primitive_lattice = centred;
  draws.primitive_lattice.resize(18);
  draws.orbit_offsets = draws.atom_offsets = {0, 2, 2};
  draws.letters = {0, 1};
  draws.multiplicities = {4, 4};
  draws.orbit_numbers = draws.numbers = {11, 17};
  draws.orbit_coords = draws.frac_coords = {0, 0, 0, 0.5, 0.5, 0.5};
  draws.log_likelihood = {-3.5, std::numeric_limits<double>::quiet_NaN()};
  draws.relative = draws.same_as = {0, -1};
  draws.formula_seen = {1, 0};
  draws.operations[225] = {1, 0, 0, 0, 0, 1, 0, 0, 0, 0, 1, 0, 0, -1, 0, -0.25, 1, -1, 0, 1.0 / 3, 0, 0, -1, 0.75};
  return draws;
}

Records records_of(const Draws& draws, const Options& options = {}) {
  Metadata model;
  model.identity = "abc";
  model.training_ids = {"mp-22862"};
  CrystalRecords records(options, model);
  return records(draws, 7, 2);
}

bool contains(const std::string& text, const std::string& part) { return text.find(part) != std::string::npos; }

void test_records() {
  const Records records = records_of(rock_salt());
  CHECK(records.draws == 2 && records.kept.size() == 1 && records.removed.at("conditions") == 1);
  const Record& record = records.kept.front();
  CHECK(record.index == 7 && record.own_name == "7.cif" && record.counted == std::vector<std::string>{"valid"});
  CHECK(record.appended[0].starts_with("2\nLattice=\"0.0000000000 2.82"));
  CHECK(contains(record.appended[0], "index=7 seed=0 model=sha256:abc formula=\"NaCl\" space_group=225 log_like"));
  CHECK(record.appended[1] ==
        "7,NaCl,4,Fm-3m,225,5.64000,5.64000,5.64000,90.0000,90.0000,90.0000,2,22.4258,2.1636,2.8200,1.0071,true,true,"
        "-3.500000,known,mp-22862\n");
  CHECK(contains(record.own, "_space_group_name_H-M_alt 'F m -3 m'\n_space_group_IT_number 225\n"));
  CHECK(contains(record.own, "1 'x, y, z'\n2 '-y+3/4, x-y+1/3, -z+3/4'\n"));
  CHECK(contains(record.own, "Na1 Na 4 a 0.000000000000 0.000000000000 0.000000000000 1\n"));
  CHECK(contains(record.own, "_cell_formula_units_Z 4\n"));
}

void test_reasons() {
  const auto valid = [](const std::function<void(Draws&)>& change) {
    Draws draws = rock_salt();
    change(draws);
    return records_of(draws).kept.front().appended[1];
  };
  const auto scaled = [&](double factor) {
    return valid([&](Draws& draws) {
      for (double& side : draws.primitive_lattice) side *= factor;
    });
  };
  CHECK(contains(valid([](Draws& draws) { draws.frac_coords[3] = draws.frac_coords[4] = draws.frac_coords[5] = 0.1; }),
                 ",Na and Cl 0.98 Å apart,"));
  CHECK(contains(scaled(9), ",0.00297 g/cm³,"));
  CHECK(contains(scaled(30), "g/cm³"));
  CHECK(contains(valid([](Draws& draws) { draws.same_as[0] = -1; }), ",known,formula only\n"));
  CHECK(contains(valid([](Draws& draws) { draws.relative[0] = -1; }), ",new type,mp-22862\n"));
  CHECK(contains(valid([](Draws& draws) { draws.relative[0] = -2; }), ",ordering,mp-22862\n"));
}

void test_filters() {
  Options options;
  options.filters.max_atoms = 1;
  CHECK(records_of(rock_salt(), options).removed.at("max_atoms") == 1);
  options.filters = {};
  options.filters.min_distance = 2.9;
  CHECK(records_of(rock_salt(), options).removed.at("min_distance") == 1);
}

void test_what_no_crystal_has_is_refused() {
  const auto message = [](const std::function<void(Draws&)>& change) {
    Draws draws = rock_salt();
    change(draws);
    return refusal([&] { records_of(draws); });
  };
  CHECK(message([](Draws&) {}).empty());
  CHECK(message([](Draws& draws) { draws.numbers[0] = 95; }) == "the generator gives atomic number 95, wanted 1 to 94");
  CHECK(message([](Draws& draws) { draws.numbers.push_back(1); }) ==
        "the generator gives 3 values of numbers, wanted 2");
  CHECK(message([](Draws& draws) { draws.letters[1] = 27; }).starts_with("the generator gives letter 27"));
  CHECK(message([](Draws& draws) { draws.space_group[0] = 231; }).starts_with("the generator gives space group 231"));
  CHECK(message([](Draws& draws) { draws.atom_offsets = {0, 3, 2}; }).ends_with("do not ascend from 0"));
  CHECK(
      message([](Draws& draws) { draws.atom_offsets = {0, 2}; }).starts_with("the generator gives 2 values of atom_o"));
  CHECK(message([](Draws& draws) { draws.frac_coords[0] = HUGE_VAL; }).ends_with("that are not finite"));
  CHECK(message([](Draws& draws) { draws.lattice[0] = NAN; }).ends_with("a lattice that is singular or not finite"));
  CHECK(message([](Draws& draws) { draws.operations.clear(); }).ends_with("no operations of space group 225"));
}

}  // namespace

int main() {
  test_records();
  test_reasons();
  test_filters();
  test_what_no_crystal_has_is_refused();
  return report();
}
