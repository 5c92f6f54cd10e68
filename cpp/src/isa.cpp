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
Kernels<T> kernels(Isa isa) {
  if (isa == Isa::baseline)
    return {baseline::density, baseline::gradient, baseline::fourier_density, baseline::fourier_gradient};
#ifdef CRYSTALGRID_X86
  if ((isa == Isa::avx512 || isa == Isa::automatic) && has_avx512())
    return {avx512::density, avx512::gradient, avx512::fourier_density, avx512::fourier_gradient};
  if ((isa == Isa::avx2 || isa == Isa::automatic) && has_avx2())
    return {avx2::density, avx2::gradient, avx2::fourier_density, avx2::fourier_gradient};
#endif
  if (isa == Isa::automatic)
    return {baseline::density, baseline::gradient, baseline::fourier_density, baseline::fourier_gradient};
  throw std::invalid_argument("isa: this machine or build lacks the instruction set asked for");
}

template Kernels<float> kernels<float>(Isa);
template Kernels<double> kernels<double>(Isa);

}  // namespace crystalgrid
