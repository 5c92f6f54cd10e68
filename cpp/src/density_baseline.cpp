#define CRYSTALGRID_ISA baseline
#include "density_kernel.inl"
#include "waves_gradient.inl"
