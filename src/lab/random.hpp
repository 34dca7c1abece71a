#pragma once
// SplitMix64 (Steele, Lea, Flood 2014): the same stream on every machine, unlike the distributions
// of <random>. For the order of runs and for resampling, not for secrets.

#include <cstddef>
#include <cstdint>
#include <utility>
#include <vector>

namespace wattle::lab {

class SplitMix64 {
 public:
  explicit SplitMix64(std::uint64_t seed) : state_(seed) {}
  std::uint64_t next() {
    state_ += 0x9E3779B97F4A7C15ULL;
    std::uint64_t z = state_;
    z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9ULL;
    z = (z ^ (z >> 27)) * 0x94D049BB133111EBULL;
    return z ^ (z >> 31);
  }
  // 0 … n − 1; the bias of the remainder is below n/2^64.
  std::size_t below(std::size_t n) { return static_cast<std::size_t>(next() % n); }

 private:
  std::uint64_t state_;
};

// Fisher–Yates.
template <class T>
void shuffle(std::vector<T>& values, SplitMix64& random) {
  for (std::size_t i = values.size(); i > 1; --i) {
    const std::size_t j = random.below(i);
    if (j != i - 1) std::swap(values[i - 1], values[j]);
  }
}

}  // namespace wattle::lab
