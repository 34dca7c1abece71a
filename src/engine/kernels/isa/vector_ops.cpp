// Element-wise operations and reductions over one row.

#include "engine/kernels/isa/ops.hpp"
#include "engine/kernels/isa/simd.hpp"

namespace wattle::engine::WATTLE_ISA {
namespace {

// gate = activation(gate)·up
template <class Activation>
void gated(float* gate, const float* up, std::size_t n, Activation activation) {
  std::size_t i = 0;
  for (; i + kLanes <= n; i += kLanes) store(gate + i, activation(load(gate + i)) * load(up + i));
  if (i < n) {
    const F32v rest = activation(load_part(gate + i, n - i, 0.0F)) * load_part(up + i, n - i, 0.0F);
    store_part(gate + i, rest, n - i);
  }
}

// The two largest of all lanes, given the two largest of each lane.
void top_two(F32v largest, F32v second, float& max, float& runner_up) {
  float lane[2 * kLanes];
  store(lane, largest);
  store(lane + kLanes, second);
  for (const float l : lane) {
    const float other = l < max ? l : max;
    if (l > max) max = l;
    if (other > runner_up) runner_up = other;
  }
}

}  // namespace

void rms_norm(const float* x, const float* weight, float epsilon, std::size_t n, float* out) {
  F32v squares{};
  std::size_t i = 0;
  for (; i + kLanes <= n; i += kLanes) squares = engine::fma(load(x + i), load(x + i), squares);
  float sum = sum_lanes(squares);
  for (std::size_t j = i; j < n; ++j) sum += x[j] * x[j];
  const float factor = 1.0F / __builtin_sqrtf(sum / static_cast<float>(n) + epsilon);
  for (i = 0; i + kLanes <= n; i += kLanes) {
    store(out + i, load(x + i) * factor * load(weight + i));
  }
  for (; i < n; ++i) out[i] = x[i] * factor * weight[i];
}

void layer_norm(const float* x, const float* weight, const float* bias, float epsilon,
                std::size_t n, float* out) {
  const auto total = [x, n](auto&& of_vector, auto&& of_one) {
    F32v lanes{};
    std::size_t i = 0;
    for (; i + kLanes <= n; i += kLanes) lanes += of_vector(load(x + i));
    float sum = sum_lanes(lanes);
    for (; i < n; ++i) sum += of_one(x[i]);
    return sum;
  };
  const auto length = static_cast<float>(n);
  const float mean = total([](F32v v) { return v; }, [](float v) { return v; }) / length;
  const float variance = total([mean](F32v v) { return (v - mean) * (v - mean); },
                               [mean](float v) { return (v - mean) * (v - mean); }) /
                         length;
  const float factor = 1.0F / __builtin_sqrtf(variance + epsilon);
  std::size_t i = 0;
  for (; i + kLanes <= n; i += kLanes) {
    store(out + i, (load(x + i) - mean) * factor * load(weight + i) + load(bias + i));
  }
  for (; i < n; ++i) out[i] = (x[i] - mean) * factor * weight[i] + bias[i];
}

void add(float* x, const float* y, std::size_t n) {
  std::size_t i = 0;
  for (; i + kLanes <= n; i += kLanes) store(x + i, load(x + i) + load(y + i));
  for (; i < n; ++i) x[i] += y[i];
}

void silu_multiply(float* gate, const float* up, std::size_t n) {
  gated(gate, up, n, [](F32v x) { return x / (1.0F + engine::exp(-x)); });
}

// 0.5·x·(1 + tanh(u)) = x·sigmoid(2·u) with u = √(2/π)·(x + 0.044715·x³)
void gelu_multiply(float* gate, const float* up, std::size_t n) {
  gated(gate, up, n, [](F32v x) {
    const F32v twice_u = 1.5957691216F * (x + 0.044715F * x * x * x);
    return x / (1.0F + engine::exp(-twice_u));
  });
}

void soft_cap(float* x, float cap, std::size_t n) {
  std::size_t i = 0;
  for (; i + kLanes <= n; i += kLanes) store(x + i, cap * engine::tanh(load(x + i) / cap));
  if (i < n) store_part(x + i, cap * engine::tanh(load_part(x + i, n - i, 0.0F) / cap), n - i);
}

void rope_interleaved(float* x, const float* cosine, const float* sine, std::size_t n_pairs) {
  for (std::size_t i = 0; i < n_pairs; ++i) {
    const float a = x[2 * i];
    const float b = x[2 * i + 1];
    x[2 * i] = a * cosine[i] - b * sine[i];
    x[2 * i + 1] = a * sine[i] + b * cosine[i];
  }
}

void rope_half_split(float* x, const float* cosine, const float* sine, std::size_t n_pairs) {
  for (std::size_t i = 0; i < n_pairs; ++i) {
    const float a = x[i];
    const float b = x[i + n_pairs];
    x[i] = a * cosine[i] - b * sine[i];
    x[i + n_pairs] = a * sine[i] + b * cosine[i];
  }
}

SoftmaxStats softmax_stats(const float* logits, std::size_t n) {
  constexpr float kLowest = -3.402823466e+38F;
  F32v largest = splat(kLowest);
  F32v second = largest;
  std::size_t i = 0;
  const auto take = [&](F32v l) {
    second = vector_max(vector_min(largest, l), second);
    largest = vector_max(l, largest);
  };
  for (; i + kLanes <= n; i += kLanes) take(load(logits + i));
  if (i < n) take(load_part(logits + i, n - i, kLowest));
  SoftmaxStats stats{0, kLowest, kLowest, 0.0, 0.0};
  top_two(largest, second, stats.max, stats.runner_up);
  for (std::size_t j = 0; j < n; ++j) {
    if (logits[j] == stats.max) {
      stats.argmax = static_cast<std::int32_t>(j);
      break;
    }
  }
  // Sums of at most 4,096 floats in a lane, then double.
  for (std::size_t start = 0; start < n; start += 4096 * kLanes) {
    const std::size_t end = start + 4096 * kLanes < n ? start + 4096 * kLanes : n;
    F32v sum{};
    F32v weighted{};
    for (i = start; i < end; i += kLanes) {
      const F32v l = i + kLanes <= end ? load(logits + i) : load_part(logits + i, end - i, kLowest);
      F32v shift = l - stats.max;
      shift = shift < -100.0F ? splat(-100.0F) : shift;
      const F32v e = engine::exp(shift);
      sum += e;
      weighted = engine::fma(e, shift, weighted);
    }
    stats.sum_exp += static_cast<double>(sum_lanes(sum));
    stats.sum_exp_shift += static_cast<double>(sum_lanes(weighted));
  }
  return stats;
}

void to_f16(const float* x, std::size_t n, std::uint16_t* out) {
  std::size_t i = 0;
  for (; i + kLanes <= n; i += kLanes) store_f16(out + i, load(x + i));
  if (i < n) {
    std::uint16_t lane[kLanes];
    store_f16(lane, load_part(x + i, n - i, 0.0F));
    for (std::size_t j = 0; i + j < n; ++j) out[i + j] = lane[j];
  }
}

float to_i8(const float* x, std::size_t n, std::int8_t* out) {
  float largest = 0.0F;
  for (std::size_t i = 0; i < n; ++i) {
    const float magnitude = __builtin_fabsf(x[i]);
    largest = magnitude > largest ? magnitude : largest;
  }
  const float inverse = largest > 0.0F ? 127.0F / largest : 0.0F;
  for (std::size_t i = 0; i < n; ++i) {
    const float scaled = x[i] * inverse;
    // Written so that what is not a number becomes one that can be converted.
    const float bounded = scaled >= -127.0F ? (scaled <= 127.0F ? scaled : 127.0F) : -127.0F;
    constexpr float kRound = 12582912.0F;  // 1.5·2²³: to nearest, ties to even
    out[i] = static_cast<std::int8_t>((bounded + kRound) - kRound);
  }
  return largest / 127.0F;
}

std::uint64_t read_all(const void* data, std::size_t bytes) {
  constexpr std::size_t kStreams = 4;
  const std::size_t stream = bytes / kStreams / 64 * 64;
  const char* p = static_cast<const char*>(data);
  F32v sums[kStreams] = {};
  I32v* bits = reinterpret_cast<I32v*>(sums);
  for (std::size_t i = 0; i < stream; i += 64) {
    for (std::size_t s = 0; s < kStreams; ++s) {
      for (std::size_t j = 0; j < 64; j += sizeof(F32v)) {
        I32v v;
        __builtin_memcpy(&v, p + s * stream + i + j, sizeof v);
        bits[s] ^= v;
      }
    }
  }
  const I32v all = bits[0] ^ bits[1] ^ bits[2] ^ bits[3];
  std::uint64_t result = 0;
  for (std::size_t i = 0; i < kLanes; ++i) result ^= static_cast<std::uint32_t>(all[i]);
  return result;
}

}  // namespace wattle::engine::WATTLE_ISA
