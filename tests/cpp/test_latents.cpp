// Latent vectors and checksums against known answers.
#include <vector>

#include "check.hpp"
#include "latent_source.hpp"
#include "latents.hpp"
#include "sha256.hpp"

namespace {

/// Random123's known answers for philox4x32-10.
void test_philox() {
  using crystalgrid::Words;
  CHECK(crystalgrid::philox({0, 0, 0, 0}, {0, 0}) == (Words{0x6627e8d5, 0xe169c58d, 0xbc57ac4c, 0x9b00dbd8}));
  CHECK(crystalgrid::philox({0xffffffff, 0xffffffff, 0xffffffff, 0xffffffff}, {0xffffffff, 0xffffffff}) ==
        (Words{0x408f276d, 0x41c83b0e, 0xa20bc7c6, 0x6d5451fd}));
}

/// The test vectors of export/README.md, to the last bit, in any dimension.
void test_vectors() {
  const struct {
    std::uint64_t seed, index;
    float z[4];
  } known[] = {
      {0, 0, {0x1.81109cp-5f, -0x1.5acc02p+0f, -0x1.8e2034p-1f, 0x1.88911ep-4f}},
      {(1ull << 40) + 5, (1ull << 35) + 1, {-0x1.2c5bd2p-2f, -0x1.699db6p+0f, -0x1.ce9198p-1f, -0x1.6ef01ep+0f}}};
  for (const auto& vector : known)
    for (const std::int64_t dim : {1, 3, 4, 7, 300}) {
      std::vector<float> z(dim);
      crystalgrid::latent(vector.seed, vector.index, dim, z.data());
      for (std::int64_t i = 0; i < std::min<std::int64_t>(dim, 4); ++i) CHECK(z[i] == vector.z[i]);
    }
}

void test_source() {
  crystalgrid::Options options;
  options.seed = 7, options.temperature = 0.5;
  const crystalgrid::LatentSource source(options, 5);
  CHECK(source.number() == 64);
  CHECK(std::holds_alternative<std::nullptr_t>(source.checksum().value));
  std::vector<float> z(3 * 5), one(5);
  source.read(10, 3, z.data());
  crystalgrid::latent(7, 12, 5, one.data());
  for (int i = 0; i < 5; ++i) CHECK(z[10 + i] == 0.5f * one[i]);
}

/// FIPS 180-4's examples, in pieces of any size.
void test_sha256() {
  const auto digest = [](const std::string& text, std::size_t piece) {
    crystalgrid::Sha256 sum;
    for (std::size_t at = 0; at < text.size(); at += piece)
      sum.update(text.data() + at, std::min(piece, text.size() - at));
    return sum.hex();
  };
  CHECK(digest("", 1) == "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
  CHECK(digest("abc", 2) == "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
  const std::string million(1'000'000, 'a');
  for (const std::size_t piece : {1ul, 63ul, 64ul, 65ul, 1'000'000ul})
    CHECK(digest(million, piece) == "cdc76e5c9914fb9281a1c7e284d73e67f1809a48a497200e046d39ccc7112cd0");
}

}  // namespace

int main() {
  test_philox();
  test_vectors();
  test_source();
  test_sha256();
  return report();
}
