#include "isa.hpp"

#include <stdexcept>

namespace crystalgrid {
namespace {

#ifdef CRYSTALGRID_X86
bool has_avx2() { return __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma"); }
bool has_avx512() { return has_avx2() && __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512vl"); }
#endif

}  // namespace

template <class T>
DensityKernel<T> density_kernel(Isa isa) {
  if (isa == Isa::baseline) return baseline::density;
#ifdef CRYSTALGRID_X86
  if ((isa == Isa::avx512 || isa == Isa::automatic) && has_avx512()) return avx512::density;
  if ((isa == Isa::avx2 || isa == Isa::automatic) && has_avx2()) return avx2::density;
#endif
  if (isa == Isa::automatic) return baseline::density;
  throw std::invalid_argument("isa: this machine or build lacks the instruction set asked for");
}

template DensityKernel<float> density_kernel<float>(Isa);
template DensityKernel<double> density_kernel<double>(Isa);

}  // namespace crystalgrid
