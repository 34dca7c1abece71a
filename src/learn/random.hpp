#pragma once
// Random numbers that are the same on every machine and compiler: PCG32 (O'Neill, 2014), with
// ranges drawn by multiplication (Lemire, 2019). The state can be saved and restored.

#include <cstddef>
#include <cstdint>
#include <span>
#include <utility>

namespace wattle::learn {

class Random {
 public:
  explicit Random(std::uint64_t seed, std::uint64_t stream = 0) : increment_(stream << 1U | 1U) {
    next();
    state_ += seed;
    next();
  }

  std::uint32_t next() {
    const std::uint64_t old = state_;
    state_ = old * 6364136223846793005ULL + increment_;
    const auto shifted = static_cast<std::uint32_t>(((old >> 18U) ^ old) >> 27U);
    const auto rotation = static_cast<std::uint32_t>(old >> 59U);
    return (shifted >> rotation) | (shifted << ((32U - rotation) & 31U));
  }
  // Uniform in [0, bound); bound > 0.
  std::uint32_t below(std::uint32_t bound) {
    return static_cast<std::uint32_t>(std::uint64_t{next()} * bound >> 32U);
  }
  // Uniform in [low, high].
  int between(int low, int high) {
    return low + static_cast<int>(below(static_cast<std::uint32_t>(high - low + 1)));
  }
  bool chance(double probability) { return next() < probability * 4294967296.0; }
  // `items` is any non-empty array, span or vector; the element stays theirs.
  template <class Items>
  const auto& pick(const Items& items) {
    return items[below(static_cast<std::uint32_t>(items.size()))];
  }
  template <class Container>
  void shuffle(Container& items) {
    for (std::size_t i = items.size(); i > 1; --i) {
      std::swap(items[i - 1], items[below(static_cast<std::uint32_t>(i))]);
    }
  }

 private:
  std::uint64_t state_ = 0;
  std::uint64_t increment_;
};

}  // namespace wattle::learn
