#define CRYSTALGRID_ISA baseline
#include "density_kernel.inl"
#include "fourier_gradient.inl"
