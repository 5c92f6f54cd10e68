// What a run of the sampler needs beside the networks, for Python: where there is no compiler, Python runs the
// networks, and the files come from the same code.
#include <pybind11/numpy.h>
#include <pybind11/pybind11.h>
#include <pybind11/stl.h>

#include <algorithm>
#include <memory>
#include <string>
#include <vector>

#include "command_line.hpp"
#include "crystalgrid/atoms.hpp"
#include "errors.hpp"
#include "latent_source.hpp"
#include "library.hpp"
#include "option_table.hpp"
#include "options.hpp"
#include "output_folder.hpp"
#include "settings.hpp"
#include "shard.hpp"

namespace py = pybind11;

namespace crystalgrid {
namespace {

template <class T>
using Array = py::array_t<T, py::array::c_style>;

Options options_of(const std::vector<std::string>& words) {
  std::vector<const char*> pointers;
  for (const std::string& word : words) pointers.push_back(word.c_str());
  return read_options(CommandLine(kOptionTable).parse(pointers));
}

/// A library of structures on disk, with the latent vectors that its structures are decoded from.
class Run {
 public:
  Run(Options options, Metadata model, Machinery machinery)
      : options_(std::move(options)),
        model_(std::move(model)),
        latents_(options_, model_.latent_dim),
        shard_(options_.shard ? parse_shard(*options_.shard) : shard_of_environment()),
        range_(shard_range(shard_, latents_.number(), options_.batch)),
        library_(shard_folder(options_.out, shard_), options_, model_.grid, range_, settings(machinery)) {}

  const Library& library() const { return library_; }
  std::int64_t last() const { return range_.last; }
  bool uses_prior() const { return crystalgrid::uses_prior(options_, model_); }
  void save() { library_.save(); }
  void finish() { library_.finish(); }

  /// Return the latent vectors of the next batch, [batch, latent_dim].
  Array<float> latents() const {
    Array<float> z({options_.batch, model_.latent_dim});
    latents_.read(library_.next(), options_.batch, z.mutable_data());
    return z;
  }

  /// Append the structures of a batch, less those beyond the range. All arrays are [batch, n, n, n].
  void append(const Array<float>& density, const Array<std::uint8_t>& species, const Array<float>& confidence) {
    const py::gil_scoped_release release;
    const std::int64_t count = std::min<std::int64_t>(options_.batch, range_.last - library_.next());
    const LabelledCubes cubes{species.data(), density.data(), confidence.data(), count};
    library_.append(find_atoms(cubes, model_.grid, {.threads = 1}), density.data(), count,
                    {model_, options_.seed, options_.latents.has_value()});
  }

 private:
  Json settings(const Machinery& machinery) const {
    Json settings = library_settings(options_, model_, latents_, shard_, machinery);
    if (shard_.count > 1) check_shards(options_.out, shard_, settings);
    return settings;
  }

  Options options_;
  Metadata model_;
  LatentSource latents_;
  Shard shard_;
  Range range_;
  Library library_;  // last, since it uses all the others
};

}  // namespace
}  // namespace crystalgrid

PYBIND11_MODULE(_sampling, module) {
  using namespace crystalgrid;
  module.doc() = "The options, latent vectors and files of the sampler.";
  py::register_exception_translator([](std::exception_ptr thrown) {
    try {
      std::rethrow_exception(thrown);
    } catch (const InputError& error) {
      py::set_error(py::module_::import("crystalgrid.errors").attr("InputError"), error.what());
    }
  });
  py::class_<Options>(module, "Options")
      .def(py::init(&options_of), py::arg("words"))
      .def_readonly("batch", &Options::batch)
      .def_readonly("threads", &Options::threads)
      .def_readonly("device", &Options::device)
      .def_readonly("precision", &Options::precision)
      .def_readonly("profile", &Options::profile)
      .def_readonly("largest_density", &Options::largest_density);
  py::class_<Run>(module, "Run")
      .def(py::init([](const Options& options, int n, double length, double sigma, std::int64_t latent_dim, bool prior,
                       const std::string& mode, const std::string& identity, int threads, const std::string& torch) {
             const Metadata model{{n, length, sigma}, latent_dim, prior, mode, identity, ""};
             return std::make_unique<Run>(options, model, Machinery{threads, torch});
           }),
           py::arg("options"), py::kw_only(), py::arg("n"), py::arg("length"), py::arg("sigma"), py::arg("latent_dim"),
           py::arg("prior"), py::arg("mode"), py::arg("identity"), py::arg("threads"), py::arg("torch"))
      .def_property_readonly("next", [](const Run& run) { return run.library().next(); })
      .def_property_readonly("kept", [](const Run& run) { return run.library().kept(); })
      .def_property_readonly("empty", [](const Run& run) { return run.library().empty(); })
      .def_property_readonly("removed", [](const Run& run) { return run.library().removed(); })
      .def_property_readonly("finished", [](const Run& run) { return run.library().finished(); })
      .def_property_readonly("folder", [](const Run& run) { return run.library().folder().string(); })
      .def_property_readonly("last", &Run::last)
      .def_property_readonly("uses_prior", &Run::uses_prior)
      .def("latents", &Run::latents)
      .def("append", &Run::append, py::arg("density"), py::arg("species"), py::arg("confidence"))
      .def("save", &Run::save)
      .def("finish", &Run::finish);
}
