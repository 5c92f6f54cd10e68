// Numbering things in the order of their threads, so that no result depends on which thread comes first.
#pragma once

namespace crystalgrid::cuda {

constexpr int kWarp = 32;
constexpr unsigned kAllLanes = 0xffffffff;

struct Rank {
  int before, total;
};

/// The counts of each warp, of this round and of the one before, which a thread may still read while another writes.
template <int kThreads>
using Found = int[2][kThreads / kWarp];

/// Count the threads that have something `here`, and those of them that come before this one. All threads of the block
/// call this; between two calls with the same `in_warp` lies one with another.
template <int kThreads>
__device__ Rank rank_in_block(bool here, int (&in_warp)[kThreads / kWarp]) {
  const int warp = threadIdx.x / kWarp, lane = threadIdx.x % kWarp;
  const unsigned lanes = __ballot_sync(kAllLanes, here);
  if (lane == 0) in_warp[warp] = __popc(lanes);
  __syncthreads();
  Rank rank{__popc(lanes & ((1u << lane) - 1)), 0};
  for (int w = 0; w < kThreads / kWarp; ++w) {
    rank.before += w < warp ? in_warp[w] : 0;
    rank.total += in_warp[w];
  }
  return rank;
}

/// Call `write(i, number)` for the i of [0, count) that are `chosen(i)`, numbered in their order; returns how many. All
/// threads of the block call this, and `write` must not change what another i is chosen by.
template <int kThreads, class Chosen, class Write>
__device__ int number_in_order(int count, Found<kThreads>& found, const Chosen& chosen, const Write& write) {
  int numbered = 0;
  for (int begin = 0, round = 0; begin < count; begin += kThreads, ++round) {
    const int i = begin + static_cast<int>(threadIdx.x);
    const bool here = i < count && chosen(i);
    const Rank rank = rank_in_block<kThreads>(here, found[round & 1]);
    if (here) write(i, numbered + rank.before);
    numbered += rank.total;
  }
  return numbered;
}

}  // namespace crystalgrid::cuda
