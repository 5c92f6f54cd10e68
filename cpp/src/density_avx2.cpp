#define CRYSTALGRID_ISA avx2
#include "density_kernel.inl"
#include "fourier_gradient.inl"
