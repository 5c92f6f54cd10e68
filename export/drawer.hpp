// The part of a run that depends on the kind of model: how noise becomes records.
#pragma once

#include <ATen/core/Tensor.h>

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>

#include "artifact.hpp"
#include "options.hpp"
#include "profile.hpp"
#include "records.hpp"

namespace crystalgrid {

class Drawer {
 public:
  virtual ~Drawer() = default;

  virtual Layout layout() const = 0;

  /// Return how many calls of `draw` may be made at the same time, by as many threads.
  virtual std::size_t at_once() const { return 1; }

  /// Run the networks on noise [B][latent_dim] of draws `first` to `first + B`. Returns what turns the result into the
  /// records of its first `count` draws; the calls of what it returns are made in order, in another thread.
  virtual std::function<Records()> draw(const at::Tensor& noise, std::int64_t first, std::int64_t count) = 0;

  /// Return the seconds that each stage of `draw` took.
  virtual const Profile& profile() const = 0;

  /// Return the name of the stage that makes records.
  virtual const char* record_stage() const = 0;
};

/// Return the drawer of a model that decodes cubes, on a device.
std::unique_ptr<Drawer> make_cube_drawer(Artifact artifact, const Options& options);

/// Return the drawer of a generator. Throws InputError if the options ask for crystals that it cannot draw.
std::unique_ptr<Drawer> make_crystal_drawer(Artifact artifact, const Options& options);

}  // namespace crystalgrid
