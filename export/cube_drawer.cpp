// Cubes: latents → decode → segment → atoms.
#include <cmath>
#include <string>
#include <utility>

#include "cube_records.hpp"
#include "drawer.hpp"
#include "errors.hpp"
#include "network.hpp"
#include "settings.hpp"

namespace crystalgrid {
namespace {

/// Throws InputError if a density is not finite: latent vectors far from all that the model has learned may decode to
/// anything.
void check_finite(const Voxels& voxels, std::int64_t first) {
  if (!std::isfinite(voxels.density.sum(at::kDouble).item<double>()))
    throw InputError("structure " + std::to_string(first) + " or one soon after decodes to a density that is not " +
                     "finite; wanted latent vectors like those the model has learned");
}

class CubeDrawer final : public Drawer {
 public:
  CubeDrawer(Artifact artifact, const Options& options)
      : options_(options),
        source_{model_, options.seed, options.latents.has_value()},
        model_(artifact.metadata),
        network_(std::move(artifact), at::Device(options.device), options.precision, uses_prior(options, model_)) {}

  Layout layout() const override { return cube_layout(options_, model_.grid); }
  const Profile& profile() const override { return network_.profile(); }
  const char* record_stage() const override { return "extract"; }

  std::function<Records()> draw(const at::Tensor& noise, std::int64_t first, std::int64_t count) override {
    const Voxels voxels = network_(noise, options_.largest_density);
    check_finite(voxels, first);
    return [this, voxels, first, count] { return records(voxels, first, count); };
  }

 private:
  Records records(const Voxels& voxels, std::int64_t first, std::int64_t count) const {
    const float* density = voxels.density.data_ptr<float>();
    const LabelledCubes cubes{voxels.species.data_ptr<std::uint8_t>(), density, voxels.confidence.data_ptr<float>(),
                              count};
    const Atoms atoms = find_atoms(cubes, model_.grid, {.threads = options_.device == "cpu" ? 1 : options_.threads});
    return cube_records(options_, source_, atoms, density, first, count);
  }

  const Options& options_;
  FrameSource source_;
  Metadata model_;
  Network network_;
};

}  // namespace

std::unique_ptr<Drawer> make_cube_drawer(Artifact artifact, const Options& options) {
  return std::make_unique<CubeDrawer>(std::move(artifact), options);
}

}  // namespace crystalgrid
