// Marks what runs on CPU and CUDA alike.
#pragma once

#ifdef __CUDACC__
#define CRYSTALGRID_DEVICE __host__ __device__
#else
#define CRYSTALGRID_DEVICE
#endif
