// Formulas: what is read, how it is written, and whether it can be neutral.
#include "charge.hpp"
#include "check.hpp"
#include "formula.hpp"
#include "mutate.hpp"

using namespace crystalgrid;

namespace {

void test_formulas_are_read() {
  CHECK(parse_formula("LiFePO4") == (Composition{{3, 1}, {8, 4}, {15, 1}, {26, 1}}));
  CHECK(parse_formula("Ca(OH)2") == (Composition{{1, 2}, {8, 2}, {20, 1}}));
  CHECK(parse_formula("K4[Fe(CN)6]") == (Composition{{6, 6}, {7, 6}, {19, 4}, {26, 1}}));
  CHECK(parse_formula("CO") == (Composition{{6, 1}, {8, 1}}));
  CHECK(parse_formula("Co") == (Composition{{27, 1}}));
  CHECK(reduced(parse_formula("Na4Cl4")) == (Composition{{11, 1}, {17, 1}}));
}

void test_what_is_no_formula_is_refused() {
  for (const char* text : {"", "(", ")", "()", "Ca(OH", "CaOH)2", "Ca(OH]2", "nacl", "Na0", "Na-1", "Na Cl", "2Na",
                           "Na1000001", "Na99999999999999999999", "[[[[[[[[[[[[[[[[[[[[[[[Na]]]]]]]]]]]]]]]]]]]]]]]"})
    CHECK(refusal([&] { parse_formula(text); }) ==
          "wanted a formula such as LiFePO4 or Ca(OH)2, got '" + std::string(text) + "'");
  CHECK(refusal([] { parse_formula("NaXx"); }) == "no element of 1 to 94 has the symbol Xx in 'NaXx'");
}

void test_damaged_formulas() {
  std::mt19937 random(5);
  int accepted = 0;
  for (int i = 0; i < 3000; ++i)
    accepted += refusal([&] { parse_formula(mutate("K4[Fe(CN)6]3(OH)2", random)); }).empty();
  CHECK(accepted > 100);
  CHECK(accepted < 2900);
}

void test_formulas_are_written() {
  const auto written = [](const char* text) { return reduced_formula(parse_formula(text)); };
  CHECK(written("O4PFeLi") == "LiFePO4");
  CHECK(written("Sn3Pd3Sm3") == "SmSnPd");
  CHECK(written("CaO6N2") == "Ca(NO3)2");
  CHECK(written("O") == "O2");
  CHECK(written("Na2O2") == "Na2O2");
  CHECK(written("FeAr") == "FeAr");
  CHECK(hill_formula(parse_formula("NaHCO3")) == "C H Na O3");
  CHECK(hill_formula(parse_formula("LiFePO4")) == "Fe Li O4 P");
}

void test_charges() {
  for (const char* text : {"NaCl", "Fe3O4", "LiFePO4", "SmPdSn", "Si", "Al2O3", "BaTiO3", "NaAl"})
    CHECK(charge_balanced(parse_formula(text)));
  for (const char* text : {"NaCl2", "MgO2", "ArO", "Li3F", "AlF2"}) CHECK(!charge_balanced(parse_formula(text)));
}

}  // namespace

int main() {
  test_formulas_are_read();
  test_what_is_no_formula_is_refused();
  test_damaged_formulas();
  test_formulas_are_written();
  test_charges();
  return report();
}
