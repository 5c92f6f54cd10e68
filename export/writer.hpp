// The thread that makes records and writes them, beside the one that runs the networks.
#pragma once

#include <exception>
#include <functional>
#include <string>
#include <thread>
#include <utility>

#include "library.hpp"
#include "profile.hpp"
#include "progress.hpp"
#include "queue.hpp"
#include "stopwatch.hpp"

namespace crystalgrid {

class Writer {
 public:
  /// What makes the records of a batch.
  using Batch = std::function<Records()>;

  Writer(Library& library, Range range, const std::string& record_stage)
      : library_(library), range_(range), profile_{{record_stage, 0.0}, {"write", 0.0}}, thread_([this] { run(); }) {}

  ~Writer() { join(); }
  Writer(const Writer&) = delete;
  Writer& operator=(const Writer&) = delete;

  /// Hand over the next batch. Returns false once writing has failed.
  bool push(Batch batch) { return queue_.push(std::move(batch)); }

  /// Wait until everything that was handed over is written. Throws what making or writing records threw.
  Profile finish() {
    join();
    if (failure_) std::rethrow_exception(failure_);
    return profile_;
  }

 private:
  void join() {
    queue_.close();
    if (thread_.joinable()) thread_.join();
  }

  void run() try {
    Progress progress(range_.last - range_.first, library_.next() - range_.first);
    while (const std::optional<Batch> batch = queue_.pop()) {
      write(*batch);
      progress.show(library_.next() - range_.first);
    }
  } catch (...) {
    failure_ = std::current_exception();
    queue_.close();
  }

  void write(const Batch& batch) {
    Stopwatch watch;
    const Records records = batch();
    profile_[0].second += watch.lap();
    library_.append(records);
    profile_[1].second += watch.lap();
  }

  Library& library_;
  Range range_;
  Profile profile_;
  std::exception_ptr failure_;
  Queue<Batch> queue_{2};
  std::thread thread_;  // last, since it uses all the others
};

}  // namespace crystalgrid
