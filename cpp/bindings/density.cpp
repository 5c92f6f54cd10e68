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
         double cutoff, int threads, Isa isa, bool float64, std::uintptr_t density) {
        const py::gil_scoped_release release;
        const DensityOptions options{accuracy, cutoff, threads, isa};
        if (float64)
          voxelize(crystals, at<const double>(weights), cubes, grid, options, at<double>(density));
        else
          voxelize(crystals, at<const double>(weights), cubes, grid, options, at<float>(density));
      },
      py::arg("crystals"), py::arg("weights"), py::arg("cubes"), py::arg("grid"), py::kw_only(), py::arg("accuracy"),
      py::arg("cutoff"), py::arg("threads"), py::arg("isa"), py::arg("float64"), py::arg("density"));
}

}  // namespace crystalgrid
