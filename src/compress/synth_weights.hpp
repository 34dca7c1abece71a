#pragma once
// Random weights in a tensor type, made as fast as a disk takes them (internal to synth).

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "engine/tensor_type.hpp"

namespace wattle::compress {

// A small, fast generator (splitmix64; Steele, Lea, Flood 2014). Platform independent.
class SplitMix64 {
 public:
  explicit SplitMix64(std::uint64_t seed) : state_(seed) {}
  std::uint64_t next();
  double uniform();  // [0, 1)
  double normal();   // mean 0, variance 1

 private:
  std::uint64_t state_;
};

// Weights ~ N(0, σ²), as the quantiser would give them: numbers of a normal sample, quantised. In
// Q4_0 and Q8_0, a sample of real quantised blocks is drawn once and weights are put together from
// it by random 16-bit look-ups, so that rows differ.
class WeightSource {
 public:
  WeightSource(engine::TensorType type, std::uint64_t seed);

  // Fills whole blocks: the weights of chunk number `chunk` of tensor number `tensor`. Independent
  // of every other call; safe from several threads.
  void fill(std::uint64_t tensor, std::uint64_t chunk, float sigma, std::span<std::byte> out) const;

 private:
  engine::TensorType type_;
  std::uint64_t seed_;
  std::vector<std::uint16_t> quants_;  // 65,536 entries: 4 nibbles or 2 bytes
  std::vector<float> values_;          // 65,536 entries: N(0, 1), or block scales of it
};

}  // namespace wattle::compress
