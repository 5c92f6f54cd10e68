#include "crystalgrid/atoms.hpp"

#include <pybind11/numpy.h>
#include <pybind11/pybind11.h>

#include "arguments.hpp"

namespace py = pybind11;

namespace crystalgrid {
namespace {

/// A NumPy array that owns what the vector held.
template <class T>
py::array_t<T> array_of(std::vector<T>&& values) {
  auto* owned = new std::vector<T>(std::move(values));
  return py::array_t<T>(static_cast<py::ssize_t>(owned->size()), owned->data(),
                        py::capsule(owned, [](void* p) { delete static_cast<std::vector<T>*>(p); }));
}

}  // namespace

void bind_atoms(py::module_& module) {
  module.def(
      "find_atoms",
      [](std::uintptr_t species, std::uintptr_t density, std::uintptr_t confidence, std::int64_t batch,
         const Grid& grid, int connectivity, double radius, int threads) {
        Atoms atoms;
        {
          const py::gil_scoped_release release;
          atoms =
              find_atoms(labelled_cubes(species, density, confidence, batch), grid, {connectivity, radius, threads});
        }
        return py::make_tuple(array_of(std::move(atoms.positions)), array_of(std::move(atoms.numbers)),
                              array_of(std::move(atoms.offsets)), array_of(std::move(atoms.votes)));
      },
      py::arg("species"), py::arg("density"), py::arg("confidence"), py::arg("batch"), py::arg("grid"), py::kw_only(),
      py::arg("connectivity"), py::arg("radius"), py::arg("threads"));
}

}  // namespace crystalgrid
