#define CRYSTALGRID_ISA baseline
#include "density_kernel.inl"
