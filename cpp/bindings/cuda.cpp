#include "crystalgrid/cuda.hpp"

#include <pybind11/pybind11.h>

#include "arguments.hpp"

namespace py = pybind11;

namespace crystalgrid {
namespace {

cuda::Queue queue(int device, std::uintptr_t stream) { return {device, at<void>(stream)}; }

void bind_density(py::module_& module) {
  module.def(
      "voxelize",
      [](const Crystals& crystals, std::uintptr_t weights, const Cubes& cubes, const Grid& grid, double accuracy,
         double cutoff, Isa isa, int device, std::uintptr_t stream, bool float64, std::uintptr_t density,
         std::uintptr_t cutoffs) {
        const auto fill = [&](auto* voxels) {
          cuda::voxelize({crystals, at<const double>(weights), cubes, grid}, {accuracy, cutoff, 0, isa},
                         queue(device, stream), voxels, at<double>(cutoffs));
        };
        float64 ? fill(at<double>(density)) : fill(at<float>(density));
      },
      py::arg("crystals"), py::arg("weights"), py::arg("cubes"), py::arg("grid"), py::kw_only(), py::arg("accuracy"),
      py::arg("cutoff"), py::arg("isa"), py::arg("device"), py::arg("stream"), py::arg("float64"), py::arg("density"),
      py::arg("cutoffs"));
  module.def("voxelize_backward_scratch", &cuda::voxelize_backward_scratch, py::arg("batch"), py::arg("atoms"),
             py::arg("grid"));
  module.def(
      "voxelize_backward",
      [](const Crystals& crystals, std::uintptr_t weights, const Cubes& cubes, const Grid& grid, Isa, int device,
         std::uintptr_t stream, bool float64, std::uintptr_t cutoffs, std::uintptr_t grad_density,
         std::uintptr_t scratch, std::uintptr_t grad_frac_coords, std::uintptr_t grad_weights,
         std::uintptr_t grad_lattice) {
        const auto gather = [&](const auto* voxels) {
          cuda::voxelize_backward({crystals, at<const double>(weights), cubes, grid}, queue(device, stream),
                                  at<const double>(cutoffs), voxels, at<double>(scratch),
                                  {at<double>(grad_frac_coords), at<double>(grad_weights), at<double>(grad_lattice)});
        };
        float64 ? gather(at<const double>(grad_density)) : gather(at<const float>(grad_density));
      },
      py::arg("crystals"), py::arg("weights"), py::arg("cubes"), py::arg("grid"), py::kw_only(), py::arg("isa"),
      py::arg("device"), py::arg("stream"), py::arg("float64"), py::arg("cutoffs"), py::arg("grad_density"),
      py::arg("scratch"), py::arg("grad_frac_coords"), py::arg("grad_weights"), py::arg("grad_lattice"));
}

void bind_species(py::module_& module) {
  module.def(
      "label_species",
      [](const Crystals& crystals, std::uintptr_t numbers, const Cubes& cubes, const Grid& grid, double radius,
         int device, std::uintptr_t stream, std::uintptr_t species) {
        cuda::label_species(crystals, at<const std::int64_t>(numbers), cubes, grid, {radius}, queue(device, stream),
                            at<std::uint8_t>(species));
      },
      py::arg("crystals"), py::arg("numbers"), py::arg("cubes"), py::arg("grid"), py::kw_only(), py::arg("radius"),
      py::arg("device"), py::arg("stream"), py::arg("species"));
}

void bind_atoms(py::module_& module) {
  module.def(
      "find_fragments",
      [](std::uintptr_t species, std::int64_t batch, const Grid& grid, int connectivity, double radius, int device,
         std::uintptr_t stream, std::uintptr_t root, std::uintptr_t fragments) {
        cuda::find_fragments(at<const std::uint8_t>(species), batch, grid, {connectivity, radius},
                             queue(device, stream), at<std::int32_t>(root), at<std::int64_t>(fragments));
      },
      py::arg("species"), py::arg("batch"), py::arg("grid"), py::kw_only(), py::arg("connectivity"), py::arg("radius"),
      py::arg("device"), py::arg("stream"), py::arg("root"), py::arg("fragments"));
  module.def("fragment_bytes", &cuda::fragment_bytes);
  module.def(
      "join_fragments",
      [](std::uintptr_t species, std::uintptr_t density, std::uintptr_t confidence, std::int64_t batch,
         const Grid& grid, int connectivity, double radius, int device, std::uintptr_t stream, std::uintptr_t root,
         std::uintptr_t fragment_offsets, std::uintptr_t scratch, std::uintptr_t atoms) {
        cuda::join_fragments(labelled_cubes(species, density, confidence, batch), grid, {connectivity, radius},
                             queue(device, stream), at<const std::int32_t>(root),
                             at<const std::int64_t>(fragment_offsets), at<void>(scratch), at<std::int64_t>(atoms));
      },
      py::arg("species"), py::arg("density"), py::arg("confidence"), py::arg("batch"), py::arg("grid"), py::kw_only(),
      py::arg("connectivity"), py::arg("radius"), py::arg("device"), py::arg("stream"), py::arg("root"),
      py::arg("fragment_offsets"), py::arg("scratch"), py::arg("atoms"));
  module.def(
      "write_atoms",
      [](std::int64_t batch, const Grid& grid, int device, std::uintptr_t stream, std::uintptr_t fragment_offsets,
         std::uintptr_t scratch, std::uintptr_t atom_offsets, std::uintptr_t positions, std::uintptr_t numbers,
         std::uintptr_t votes) {
        cuda::write_atoms(batch, grid, queue(device, stream), at<const std::int64_t>(fragment_offsets),
                          at<void>(scratch), at<const std::int64_t>(atom_offsets), at<double>(positions),
                          at<std::int64_t>(numbers), at<std::int64_t>(votes));
      },
      py::arg("batch"), py::arg("grid"), py::kw_only(), py::arg("device"), py::arg("stream"),
      py::arg("fragment_offsets"), py::arg("scratch"), py::arg("atom_offsets"), py::arg("positions"),
      py::arg("numbers"), py::arg("votes"));
}

}  // namespace

void bind_cuda(py::module_& module) {
  py::module_ cuda = module.def_submodule("cuda", "The stages on a GPU, over addresses on the device.");
  bind_density(cuda);
  bind_species(cuda);
  bind_atoms(cuda);
}

}  // namespace crystalgrid
