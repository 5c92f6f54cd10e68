#include "crystalgrid/species.hpp"

#include <pybind11/pybind11.h>

#include "arguments.hpp"

namespace py = pybind11;

namespace crystalgrid {

void bind_species(py::module_& module) {
  module.def(
      "label_species",
      [](const Crystals& crystals, std::uintptr_t numbers, const Cubes& cubes, const Grid& grid, double radius,
         int threads, std::uintptr_t species) {
        const py::gil_scoped_release release;
        label_species(crystals, at<const std::int64_t>(numbers), cubes, grid, {radius, threads},
                      at<std::uint8_t>(species));
      },
      py::arg("crystals"), py::arg("numbers"), py::arg("cubes"), py::arg("grid"), py::kw_only(), py::arg("radius"),
      py::arg("threads"), py::arg("species"));
}

}  // namespace crystalgrid
