#include "crystalgrid/density.hpp"

#include <pybind11/pybind11.h>

#include "arguments.hpp"

namespace py = pybind11;

namespace crystalgrid {
void bind_density(py::module_& module) {
  py::enum_<Isa>(module, "Isa")
      .value("automatic", Isa::automatic)
      .value("baseline", Isa::baseline)
      .value("avx2", Isa::avx2)
      .value("avx512", Isa::avx512);
  module.def(
      "voxelize",
      [](const Crystals& crystals, std::uintptr_t weights, const Cubes& cubes, const Grid& grid, double accuracy,
         double cutoff, int threads, Isa isa, bool float64, std::uintptr_t density, std::uintptr_t cutoffs) {
        const py::gil_scoped_release release;
        const DensityOptions options{accuracy, cutoff, threads, isa};
        const auto fill = [&](auto* voxels) {
          voxelize({crystals, at<const double>(weights), cubes, grid}, options, voxels, at<double>(cutoffs));
        };
        float64 ? fill(at<double>(density)) : fill(at<float>(density));
      },
      py::arg("crystals"), py::arg("weights"), py::arg("cubes"), py::arg("grid"), py::kw_only(), py::arg("accuracy"),
      py::arg("cutoff"), py::arg("threads"), py::arg("isa"), py::arg("float64"), py::arg("density"),
      py::arg("cutoffs"));
  module.def(
      "voxelize_backward",
      [](const Crystals& crystals, std::uintptr_t weights, const Cubes& cubes, const Grid& grid, int threads, Isa isa,
         bool float64, std::uintptr_t cutoffs, std::uintptr_t grad_density, std::uintptr_t grad_frac_coords,
         std::uintptr_t grad_weights, std::uintptr_t grad_lattice) {
        const py::gil_scoped_release release;
        const DensityOptions options{.threads = threads, .isa = isa};
        const auto gather = [&](const auto* voxels) {
          voxelize_backward({crystals, at<const double>(weights), cubes, grid}, options, at<const double>(cutoffs),
                            voxels, {at<double>(grad_frac_coords), at<double>(grad_weights), at<double>(grad_lattice)});
        };
        float64 ? gather(at<const double>(grad_density)) : gather(at<const float>(grad_density));
      },
      py::arg("crystals"), py::arg("weights"), py::arg("cubes"), py::arg("grid"), py::kw_only(), py::arg("threads"),
      py::arg("isa"), py::arg("float64"), py::arg("cutoffs"), py::arg("grad_density"), py::arg("grad_frac_coords"),
      py::arg("grad_weights"), py::arg("grad_lattice"));
}

}  // namespace crystalgrid
