#define CRYSTALGRID_ISA avx512
#include "density_kernel.inl"
#include "fourier_gradient.inl"
