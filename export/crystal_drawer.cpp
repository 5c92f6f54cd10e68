// Crystals: noise → what the generator draws → records.
#include <ATen/Parallel.h>

#include <memory>
#include <utility>

#include "crystal_records.hpp"
#include "drawer.hpp"
#include "generator.hpp"

namespace crystalgrid {
namespace {

/// Return the number of threads, of which from now on each works on a batch of its own: the layers of a generator are
/// small, and what a batch holds then does not depend on that number. On a GPU one batch is drawn at a time.
std::size_t threads_of_their_own(const Options& options) {
  const auto threads = static_cast<std::size_t>(at::get_num_threads());
  at::set_num_threads(1);
  return options.device == "cpu" ? threads : 1;
}

class CrystalDrawer final : public Drawer {
 public:
  CrystalDrawer(Artifact artifact, const Options& options)
      : options_(options),
        model_(artifact.metadata),
        generator_(std::move(artifact), at::Device(options.device), options.conditions, ranks_candidates(options)),
        records_(options_, model_) {}

  Layout layout() const override { return crystal_layout(options_, model_.grid); }
  std::size_t at_once() const override { return threads_; }
  const Profile& profile() const override { return generator_.profile(); }
  const char* record_stage() const override { return "describe"; }

  std::function<Records()> draw(const at::Tensor& noise, std::int64_t first, std::int64_t count) override {
    const auto draws = std::make_shared<const Draws>(generator_(noise));
    return [this, draws, first, count] { return records_(*draws, first, count); };
  }

 private:
  const Options& options_;
  Metadata model_;
  std::size_t threads_ = threads_of_their_own(options_);
  Generator generator_;
  CrystalRecords records_;
};

}  // namespace

std::unique_ptr<Drawer> make_crystal_drawer(Artifact artifact, const Options& options) {
  return std::make_unique<CrystalDrawer>(std::move(artifact), options);
}

}  // namespace crystalgrid
