// What a run of the sampler needs beside the networks, for Python: where there is no compiler, Python runs the
// networks, and the files come from the same code.
#include <pybind11/numpy.h>
#include <pybind11/pybind11.h>
#include <pybind11/stl.h>

#include <algorithm>
#include <cstdio>
#include <map>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "command_line.hpp"
#include "crystal_records.hpp"
#include "crystalgrid/atoms.hpp"
#include "cube_records.hpp"
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

template <class T>
std::vector<T> values_of(const py::dict& members, const char* name) {
  const auto array = Array<T>::ensure(members[name]);
  if (!array) throw py::error_already_set();
  return {array.data(), array.data() + array.size()};
}

/// The arrays that a generator's `draw` returns, by name, and the operations of their space groups.
Draws draws_of(const py::dict& members, const std::map<std::int64_t, Array<double>>& operations) {
  const auto whole = [&](const char* name) { return values_of<std::int64_t>(members, name); };
  const auto real = [&](const char* name) { return values_of<double>(members, name); };
  Draws draws{.space_group = whole("space_group"),
              .lattice = real("lattice"),
              .orbit_offsets = whole("orbit_offsets"),
              .letters = whole("letters"),
              .multiplicities = whole("multiplicities"),
              .orbit_numbers = whole("orbit_numbers"),
              .orbit_coords = real("orbit_coords"),
              .primitive_lattice = real("primitive_lattice"),
              .atom_offsets = whole("atom_offsets"),
              .numbers = whole("numbers"),
              .frac_coords = real("frac_coords"),
              .log_likelihood = real("log_likelihood"),
              .relative = whole("relative"),
              .same_as = whole("same_as"),
              .formula_seen = values_of<std::uint8_t>(members, "formula_seen"),
              .operations = {}};
  for (const auto& [group, array] : operations) draws.operations[group] = {array.data(), array.data() + array.size()};
  return draws;
}

/// A library on disk, with the noise that its draws come from.
class Run {
 public:
  Run(const Options& options, Metadata model, Machinery machinery)
      : model_(std::move(model)),
        options_(options_for(options, model_)),
        latents_(options_, model_.latent_dim),
        shard_(options_.shard ? parse_shard(*options_.shard) : shard_of_environment()),
        range_(shard_range(shard_, latents_.number(), options_.batch)),
        crystals_(options_, model_),
        library_(shard_folder(options_.out, shard_), options_.resume, layout(), range_, settings(machinery)) {
    for (const std::string& note :
         {formula_note(options_.conditions), shard_note(shard_, latents_.number(), options_.batch)})
      if (!note.empty()) std::fprintf(stderr, "%s\n", note.c_str());
  }

  const Library& library() const { return library_; }
  std::int64_t last() const { return range_.last; }
  std::int64_t batch() const { return options_.batch; }
  bool uses_prior() const { return crystalgrid::uses_prior(options_, model_); }
  void save() { library_.save(); }
  void finish() { library_.finish(); }

  /// Return the noise or latent vectors of the next batch, [batch, latent_dim].
  Array<float> latents() const {
    Array<float> z({options_.batch, model_.latent_dim});
    latents_.read(library_.next(), options_.batch, z.mutable_data());
    return z;
  }

  /// Append the structures of a batch of cubes, less those beyond the range. All arrays are [batch, n, n, n].
  void append_cubes(const Array<float>& density, const Array<std::uint8_t>& species, const Array<float>& confidence) {
    const py::gil_scoped_release release;
    const LabelledCubes cubes{species.data(), density.data(), confidence.data(), count()};
    const FrameSource source{model_, options_.seed, options_.latents.has_value()};
    const Atoms atoms = find_atoms(cubes, model_.grid, {.threads = 1});
    library_.append(cube_records(options_, source, atoms, density.data(), library_.next(), count()));
  }

  /// Append what a generator drew from a batch of noise, less what is beyond the range.
  void append_crystals(const py::dict& members, const std::map<std::int64_t, Array<double>>& operations) {
    const Draws draws = draws_of(members, operations);
    const py::gil_scoped_release release;
    library_.append(crystals_(draws, library_.next(), count()));
  }

 private:
  std::int64_t count() const { return std::min<std::int64_t>(options_.batch, range_.last - library_.next()); }

  Layout layout() const {
    return model_.is_generator ? crystal_layout(options_, model_.grid) : cube_layout(options_, model_.grid);
  }

  Json settings(const Machinery& machinery) const {
    Json settings = library_settings(options_, model_, latents_, shard_, machinery);
    if (shard_.count > 1) check_shards(options_.out, shard_, settings);
    return settings;
  }

  Metadata model_;
  Options options_;
  LatentSource latents_;
  Shard shard_;
  Range range_;
  CrystalRecords crystals_;
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
      .def_readonly("threads", &Options::threads)
      .def_readonly("device", &Options::device)
      .def_readonly("precision", &Options::precision)
      .def_readonly("profile", &Options::profile)
      .def_readonly("largest_density", &Options::largest_density)
      .def_property_readonly("ranks_candidates", &ranks_candidates)
      .def_property_readonly("conditions", [](const Options& options) { return options.conditions.values; });
  py::class_<Metadata>(module, "Metadata")
      .def(py::init([](std::string identity, std::int64_t latent_dim, int n, double length, double sigma,
                       bool is_generator, bool prior, std::string mode, std::vector<std::string> training_ids) {
             return Metadata{std::move(identity), latent_dim, {n, length, sigma},     is_generator, prior,
                             std::move(mode),     "",         std::move(training_ids)};
           }),
           py::kw_only(), py::arg("identity"), py::arg("latent_dim"), py::arg("n"), py::arg("length"), py::arg("sigma"),
           py::arg("is_generator") = false, py::arg("prior") = false, py::arg("mode") = "",
           py::arg("training_ids") = std::vector<std::string>());
  py::class_<Run>(module, "Run")
      .def(py::init([](const Options& options, const Metadata& model, int threads, const std::string& torch) {
             return std::make_unique<Run>(options, model, Machinery{threads, torch});
           }),
           py::arg("options"), py::arg("model"), py::kw_only(), py::arg("threads"), py::arg("torch"))
      .def_property_readonly("next", [](const Run& run) { return run.library().next(); })
      .def_property_readonly("finished", [](const Run& run) { return run.library().finished(); })
      .def_property_readonly("last", &Run::last)
      .def_property_readonly("batch", &Run::batch)
      .def_property_readonly("uses_prior", &Run::uses_prior)
      .def("latents", &Run::latents)
      .def("append_cubes", &Run::append_cubes, py::arg("density"), py::arg("species"), py::arg("confidence"))
      .def("append_crystals", &Run::append_crystals, py::arg("members"), py::arg("operations"))
      .def("save", &Run::save)
      .def("finish", &Run::finish)
      .def(
          "summary",
          [](const Run& run, std::int64_t made, double seconds) { return run.library().summary(made, seconds); },
          py::arg("made"), py::arg("seconds"));
}
