#include <pybind11/pybind11.h>

namespace crystalgrid {

/// Replaces cuda.cpp if there is no CUDA compiler.
void bind_cuda(pybind11::module_& module) { module.attr("cuda") = pybind11::none(); }

}  // namespace crystalgrid
