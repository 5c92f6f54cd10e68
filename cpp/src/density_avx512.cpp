#define CRYSTALGRID_ISA avx512
#include "density_kernel.inl"
#include "waves_gradient.inl"
