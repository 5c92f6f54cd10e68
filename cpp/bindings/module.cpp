#include <pybind11/pybind11.h>

#include "arguments.hpp"
#include "crystalgrid/crystals.hpp"
#include "crystalgrid/grid.hpp"

namespace py = pybind11;

namespace crystalgrid {

void bind_density(py::module_& module);
void bind_species(py::module_& module);
void bind_atoms(py::module_& module);
void bind_cuda(py::module_& module);

}  // namespace crystalgrid

PYBIND11_MODULE(_core, module) {
  using namespace crystalgrid;
  module.doc() = "The C++ core of crystalgrid: one function per stage, over addresses of flat arrays.";
  py::class_<Grid>(module, "Grid")
      .def(py::init<int, double, double>(), py::arg("n"), py::arg("length"), py::arg("sigma"));
  py::class_<Crystals>(module, "Crystals")
      .def(py::init([](std::int64_t size, std::uintptr_t lattice, std::uintptr_t frac_coords, std::uintptr_t offsets) {
             return Crystals{size, at<const double>(lattice), at<const double>(frac_coords),
                             at<const std::int64_t>(offsets)};
           }),
           py::arg("size"), py::arg("lattice"), py::arg("frac_coords"), py::arg("offsets"));
  py::class_<Cubes>(module, "Cubes")
      .def(py::init([](std::uintptr_t origin, std::uintptr_t rotation, bool periodic) {
             return Cubes{at<const double>(origin), at<const double>(rotation), periodic};
           }),
           py::arg("origin"), py::arg("rotation"), py::arg("periodic"));
  module.attr("MAX_Z") = kMaxZ;
  module.attr("LEAST_VOLUME") = kLeastVolume;
  module.attr("FARTHEST") = kFarthest;
  module.def(
      "fault",
      [](const Crystals& crystals, std::uintptr_t numbers, std::int64_t atoms, const Cubes& cubes) {
        return fault(crystals, at<const std::int64_t>(numbers), atoms, cubes);
      },
      py::arg("crystals"), py::arg("numbers"), py::arg("atoms"), py::arg("cubes"));
  bind_density(module);
  bind_species(module);
  bind_atoms(module);
  bind_cuda(module);
}
