#include "latent_source.hpp"

#include <string>

#include "errors.hpp"
#include "latents.hpp"

namespace crystalgrid {

constexpr std::int64_t kDefaultNumber = 64;

LatentSource::LatentSource(const Options& options, std::int64_t latent_dim)
    : number_(options.number),
      seed_(options.seed),
      latent_dim_(latent_dim),
      temperature_(static_cast<float>(options.temperature)) {
  if (options.latents) rows_.emplace(*options.latents, latent_dim);
  if (rows_ && number_.value_or(0) > rows_->rows())
    throw InputError("--number: wanted at most the " + std::to_string(rows_->rows()) + " rows of " + *options.latents +
                     ", got " + std::to_string(*number_));
  if (options.best > number())
    throw InputError("--best: wanted at most " + std::to_string(number()) + ", the number of draws, got " +
                     std::to_string(*options.best) + "; a larger -n draws more");
}

std::int64_t LatentSource::number() const { return number_.value_or(rows_ ? rows_->rows() : kDefaultNumber); }

Json LatentSource::checksum() const { return rows_ ? Json{"sha256:" + rows_->checksum(number())} : Json{nullptr}; }

void LatentSource::read(std::int64_t first, std::int64_t count, float* z) const {
  if (rows_)
    rows_->read(first, count, z);
  else
    for (std::int64_t b = 0; b < count; ++b) latent(seed_, first + b, latent_dim_, z + b * latent_dim_);
  for (std::int64_t i = 0; i < count * latent_dim_; ++i) z[i] *= temperature_;
}

}  // namespace crystalgrid
