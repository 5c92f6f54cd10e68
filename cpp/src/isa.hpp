// The choice among the compiled kernels: the best that this machine can run, or the one that is asked for.
#pragma once

#include "crystalgrid/density.hpp"
#include "density_kernel.hpp"
#include "fourier_kernel.hpp"

namespace crystalgrid {

template <class T>
struct Kernels {
  T (*density)(const KernelImages<T>&, const KernelGrid<T>&, T* scratch, int* lists, T* density);
  void (*gradient)(const KernelImages<T>&, const KernelGrid<T>&, T* scratch, int* lists, const T* grad, T* sums);
  float (*fourier_density)(const FourierModes&, float least, float* scratch, float* density);
  FourierGradient (*fourier_gradient)(const FourierModes&, const Strides&, float* scratch, const float* grad,
                                      float* atoms);
};

/// Throws std::invalid_argument for an instruction set that this machine or this build lacks.
template <class T>
Kernels<T> kernels(Isa isa);

}  // namespace crystalgrid
