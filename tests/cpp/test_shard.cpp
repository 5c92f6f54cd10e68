// Shards: together they are the library, and each begins with a whole batch.
#include "check.hpp"
#include "mutate.hpp"
#include "shard.hpp"

namespace {

using crystalgrid::Shard;

void test_shards_tile_the_library() {
  for (const std::int64_t number : {1l, 7l, 203l, 1'000'000'000'000l})
    for (const std::int64_t batch : {1l, 5l, 16l})
      for (const std::int64_t count : {1l, 2l, 7l, 50l}) {
        std::int64_t next = 0;
        for (std::int64_t k = 0; k < count; ++k) {
          const crystalgrid::Range range = crystalgrid::shard_range({k, count, ""}, number, batch);
          CHECK(range.first == next);
          CHECK(range.first % batch == 0 || range.first == number);
          next = range.last;
        }
        CHECK(next == number);
      }
}

void test_text() {
  CHECK(crystalgrid::parse_shard("3/12").k == 3);
  CHECK(crystalgrid::parse_shard("3/12").count == 12);
  for (const char* text : {"", "/", "1", "1/", "/2", "2/2", "-1/2", "0/0", "0/1000000001", "1/2/3", "a/b"})
    CHECK(refusal([&] { crystalgrid::parse_shard(text); }) ==
          "--shard: wanted K/N with K from 0 to N-1, as 0/4, got '" + std::string(text) + "'");
  std::mt19937 random(5);
  for (int i = 0; i < 2000; ++i)
    refusal([&] {
      const Shard shard = crystalgrid::parse_shard(mutate("12/345", random));
      CHECK(0 <= shard.k && shard.k < shard.count);
    });
}

}  // namespace

int main() {
  test_shards_tile_the_library();
  test_text();
  return report();
}
