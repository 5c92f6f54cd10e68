// The thread that finds the atoms in a batch of voxels and writes them, beside the one that runs the networks.
#pragma once

#include <algorithm>
#include <cstdint>
#include <exception>
#include <thread>
#include <utility>

#include "crystalgrid/atoms.hpp"
#include "library.hpp"
#include "network.hpp"
#include "progress.hpp"
#include "queue.hpp"
#include "stopwatch.hpp"

namespace crystalgrid {

class Writer {
 public:
  Writer(Library& library, const FrameSource& source, Range range, int threads)
      : library_(library), source_(source), range_(range), threads_(threads), thread_([this] { run(); }) {}

  ~Writer() { join(); }
  Writer(const Writer&) = delete;
  Writer& operator=(const Writer&) = delete;

  /// Hand over the next batch. Returns false once writing has failed.
  bool push(Voxels voxels) { return queue_.push(std::move(voxels)); }

  /// Wait until everything that was handed over is written. Throws what writing threw.
  StageTimes finish() {
    join();
    if (failure_) std::rethrow_exception(failure_);
    return times_;
  }

 private:
  void join() {
    queue_.close();
    if (thread_.joinable()) thread_.join();
  }

  void run() try {
    Progress progress(range_.last - range_.first, library_.next() - range_.first);
    while (const std::optional<Voxels> voxels = queue_.pop()) {
      write(*voxels);
      progress.show(library_.next() - range_.first);
    }
  } catch (...) {
    failure_ = std::current_exception();
    queue_.close();
  }

  void write(const Voxels& voxels) {
    Stopwatch watch;
    const std::int64_t count = std::min<std::int64_t>(voxels.density.size(0), range_.last - library_.next());
    const float* density = voxels.density.data_ptr<float>();
    const LabelledCubes cubes{voxels.species.data_ptr<std::uint8_t>(), density, voxels.confidence.data_ptr<float>(),
                              count};
    const Atoms atoms = find_atoms(cubes, source_.model.grid, {.threads = threads_});
    times_.extract += watch.lap();
    library_.append(atoms, density, count, source_);
    times_.write += watch.lap();
  }

  Library& library_;
  const FrameSource& source_;
  Range range_;
  int threads_;
  StageTimes times_;
  std::exception_ptr failure_;
  Queue<Voxels> queue_{2};
  std::thread thread_;  // last, since it uses all the others
};

}  // namespace crystalgrid
