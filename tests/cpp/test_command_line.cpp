// The command line: its options, what is refused, and that nothing crashes it.
#include <vector>

#include "check.hpp"
#include "command_line.hpp"
#include "mutate.hpp"
#include "option_table.hpp"
#include "options.hpp"

using crystalgrid::CommandLine;
using crystalgrid::kOptionTable;
using crystalgrid::Options;

namespace {

Options parse(const std::vector<const char*>& words) {
  return crystalgrid::read_options(CommandLine(kOptionTable).parse(words));
}

void test_defaults() {
  const Options options = parse({"model.pt", "-o", "out"});
  CHECK(options.model == "model.pt");
  CHECK(options.out == "out");
  CHECK(!options.number);
  CHECK(options.seed == 0);
  CHECK(options.batch == 0);
  CHECK(options.conditions.values.empty());
  CHECK(options.temperature == 1);
  CHECK(!options.latents);
  CHECK(!options.filters.min_atoms);
  CHECK(options.device == "cpu");
  CHECK(options.precision == "fp32");
  CHECK(!options.resume && !options.cif && !options.save_density && !options.profile && !options.no_prior);
}

void test_both_forms_of_a_value() {
  for (const auto& words : std::vector<std::vector<const char*>>{
           {"-n", "5", "--seed", "3", "m", "--out", "o", "--min-density", "0.5", "--device", "cuda", "--cif"},
           {"--number=5", "--seed=3", "m", "--out=o", "--min-density=5e-1", "--device=cuda", "--cif"}}) {
    const Options options = parse(words);
    CHECK(options.number == 5);
    CHECK(options.seed == 3);
    CHECK(options.filters.min_density == 0.5);
    CHECK(options.device == "cuda");
    CHECK(options.cif);
  }
  CHECK(parse({"m", "-o", "a=b", "--latents=x=y"}).latents == "x=y");
}

void test_refusals() {
  const auto message = [](std::vector<const char*> words) {
    words.insert(words.end(), {"m", "-o", "out"});
    return refusal([&] { parse(words); });
  };
  CHECK(message({"--batch", "0"}) == "--batch: wanted a whole number from 1 to 65536, got '0'");
  CHECK(message({"-n=3"}) == "unknown option -n=3 (see --help)");
  CHECK(message({"-n", "1e3"}) == "-n: wanted a whole number from 1 to 1000000000000, got '1e3'");
  CHECK(message({"--seed=9223372036854775808"}) ==
        "--seed: wanted a whole number from 0 to 9223372036854775807, got '9223372036854775808'");
  for (const char* value : {"0", "-1", "nan", "inf", "1e39", "1x", "0x1"})
    CHECK(message({"--temperature", value}) ==
          "--temperature: wanted a positive number, got '" + std::string(value) + "'");
  CHECK(message({"--precision=fp8"}) == "--precision: wanted fp32 or bf16, got 'fp8'");
  CHECK(message({"--cif=yes"}) == "--cif: wanted no value, got 'yes'");
  CHECK(message({"--seed="}) == "--seed: wanted a value, got none");
  CHECK(message({"--formula", "NaCl", "--formula=KCl"}) == "--formula: given more than once; give it once");
  CHECK(message({"--number=3", "-n", "4"}) == "-n: given more than once; give it once");
  CHECK(message({"other.pt"}) == "wanted one model, got 'other.pt' and 'm'");
  CHECK(message({"--min-atoms=3", "--max-atoms=2"}) == "--min-atoms and --max-atoms: nothing passes both");
  CHECK(refusal([] { parse({"m"}); }).starts_with("--out: wanted a folder"));
  CHECK(refusal([] { parse({"-o", "out"}); }).starts_with("wanted a model"));
  CHECK(refusal([] { parse({"m", "-o"}); }) == "-o: wanted a value, got none");
}

void test_help() {
  const CommandLine command_line(kOptionTable);
  CHECK(command_line.parse(std::vector{"--help"}).boolean("help"));
  const std::string help = command_line.help("program");
  CHECK(help.starts_with("usage: program MODEL --out OUT [options]\n"));
  CHECK(help.find("\n  -n, --number N         how many structures") != std::string::npos);
  CHECK(help.find("(default fp32)") != std::string::npos);
}

void test_damaged_words() {
  std::mt19937 random(3);
  const std::vector<std::string> words{
      "m",       "--out=out", "-o",           "out",         "-n",    "5",
      "-h",      "--seed=3",  "--shard",      "0/1",         "--cif", "--temperature=1.5",
      "--batch", "4",         "--device=cpu", "--min-atoms", "2",     "--max-density=3"};
  int accepted = 0;
  for (int i = 0; i < 2000; ++i) {
    std::vector<std::string> chosen{"m", "--out=out"};
    for (unsigned w = random() % 6; w > 0; --w) {
      const std::string& word = words[2 + random() % (words.size() - 2)];
      chosen.push_back(random() % 2 ? word : mutate(word, random));
    }
    std::vector<const char*> pointers;
    for (const std::string& word : chosen) pointers.push_back(word.c_str());
    accepted += refusal([&] { parse(pointers); }).empty();
  }
  CHECK(accepted > 100);
  CHECK(accepted < 1950);
}

void test_damaged_tables() {
  std::mt19937 random(4);
  for (int i = 0; i < 500; ++i)
    refusal([&] {
      const CommandLine command_line(mutate(kOptionTable, random));
      command_line.help("program");
      crystalgrid::read_options(command_line.parse(std::vector{"m", "-o", "out", "--seed=3", "--device=cpu"}));
    });
}

}  // namespace

int main() {
  test_defaults();
  test_both_forms_of_a_value();
  test_refusals();
  test_help();
  test_damaged_words();
  test_damaged_tables();
  return report();
}
