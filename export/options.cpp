#include "options.hpp"

#include <charconv>
#include <limits>
#include <string_view>

#include "errors.hpp"

namespace crystalgrid {
namespace {

template <class Whole>
Whole whole(std::string_view option, std::string_view text, Whole least,
            Whole most = std::numeric_limits<Whole>::max()) {
  Whole x{};
  const char* end = text.data() + text.size();
  const auto [stop, error] = std::from_chars(text.data(), end, x);
  if (error != std::errc() || stop != end || x < least || x > most)
    throw InputError(std::string(option) + ": wanted a whole number from " + std::to_string(least) + " to " +
                     std::to_string(most) + ", got '" + std::string(text) + "'");
  return x;
}

std::string device(std::string_view text) {
  if (text != "cpu" && text != "cuda")
    throw InputError("--device: wanted cpu or cuda, got '" + std::string(text) + "'");
  return std::string(text);
}

}  // namespace

const char* const kUsage =
    R"(usage: crystalgrid-sampler MODEL -o OUT [options]

Decode latents drawn from N(0, 1) to crystal structures and write OUT/samples.xyz (extended XYZ, in the order of their index).

  MODEL             model.pt, as crystalgrid-export writes it
  -o, --out OUT     folder to write to, new or empty
  -n, --number N    how many structures (default 64)
  --seed S          structure i depends on (seed, i) alone (default 0)
  --batch B         structures per pass of the network (default 16)
  --threads T       CPU threads (default 0: all cores)
  --device D        cpu or cuda: where the network runs (default cpu)
  --density         write the decoded densities too: OUT/density.npy, float32 [N, n, n, n] in 1/Å³
  -h, --help        this text
)";

Options parse_options(int argc, char** argv) {
  Options options;
  for (int a = 1; a < argc; ++a) {
    const std::string_view name = argv[a];
    const auto value = [&]() -> std::string_view {
      if (a + 1 == argc) throw InputError(std::string(name) + ": wanted a value, got none");
      return argv[++a];
    };
    if (name == "-h" || name == "--help")
      options.help = true;
    else if (name == "-o" || name == "--out")
      options.out = value();
    else if (name == "-n" || name == "--number")
      options.number = whole<std::int64_t>(name, value(), 1);
    else if (name == "--seed")
      options.seed = whole<std::int64_t>(name, value(), 0);
    else if (name == "--batch")
      options.batch = whole<std::int64_t>(name, value(), 1, 1 << 16);
    else if (name == "--threads")
      options.threads = whole(name, value(), 0, 1 << 10);
    else if (name == "--device")
      options.device = device(value());
    else if (name == "--density")
      options.density = true;
    else if (name.starts_with("-"))
      throw InputError("unknown option " + std::string(name) + " (see --help)");
    else if (options.model.empty())
      options.model = name;
    else
      throw InputError("wanted one model, got '" + options.model + "' and '" + std::string(name) + "'");
  }
  if (options.help) return options;
  if (options.model.empty()) throw InputError("wanted a model: crystalgrid-sampler MODEL -o OUT (see --help)");
  if (options.out.empty()) throw InputError("wanted a folder to write to: -o OUT (see --help)");
  return options;
}

}  // namespace crystalgrid
