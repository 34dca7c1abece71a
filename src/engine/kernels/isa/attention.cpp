// Attention of one position: the query heads that share a KV head against all earlier positions.

#include "engine/kernels/isa/ops.hpp"
#include "engine/kernels/isa/simd.hpp"

namespace wattle::engine::WATTLE_ISA {
namespace {

// Keys come in groups: the first that holds a position within the window.
std::size_t first_group(const AttentionArgs& a) {
  return a.first_position / kKeyGroup * kKeyGroup;
}

// scores[g, p] = scale · q[g]·k[p], for N heads at a time.
template <std::size_t N, class Element>
void score_heads(const AttentionArgs& a, std::size_t first) {
  const auto* keys = static_cast<const Element*>(a.keys);
  for (std::size_t p = first_group(a); p < a.n_positions; p += kKeyGroup) {
    const Element* group = keys + p * a.head_dim;
    for (std::size_t part = 0; part < kKeyGroup; part += kLanes) {
      F32v sum[N] = {};
      for (std::size_t d = 0; d < a.head_dim; ++d) {
        const F32v k = load(group + d * kKeyGroup + part);
        for (std::size_t g = 0; g < N; ++g) {
          sum[g] = engine::fma(splat(a.q[(first + g) * a.q_stride + d]), k, sum[g]);
        }
      }
      for (std::size_t g = 0; g < N; ++g) {
        F32v score = sum[g] * a.scale;
        if (a.softcap > 0.0F) score = a.softcap * engine::tanh(score / a.softcap);
        store(a.scores + (first + g) * a.score_stride + p + part, score);
      }
    }
  }
}

// In place: exp(score − max), without the first `skip` of n. Returns the sum.
float exponentiate(float* scores, std::size_t skip, std::size_t n) {
  constexpr float kLowest = -3.402823466e+38F;
  const std::size_t padded = (n + kKeyGroup - 1) / kKeyGroup * kKeyGroup;
  for (std::size_t i = 0; i < skip; ++i) scores[i] = kLowest;
  for (std::size_t i = n; i < padded; ++i) scores[i] = kLowest;
  F32v largest = splat(kLowest);
  for (std::size_t i = 0; i < padded; i += kLanes) largest = vector_max(load(scores + i), largest);
  const float max = max_lanes(largest);
  F32v sum{};
  for (std::size_t i = 0; i < padded; i += kLanes) {
    const F32v e = engine::exp(load(scores + i) - max);
    store(scores + i, e);
    sum += e;
  }
  return sum_lanes(sum);
}

// out[g] = Σ_p weight[g, p] · v[p] / sum[g]
template <std::size_t N, class Element>
void mix_values(const AttentionArgs& a, std::size_t first, const float* sums) {
  const auto* values = static_cast<const Element*>(a.values);
  for (std::size_t d = 0; d < a.head_dim; d += kLanes) {
    F32v mixed[N] = {};
    for (std::size_t p = a.first_position; p < a.n_positions; ++p) {
      const F32v v = load(values + p * a.value_stride + d);
      for (std::size_t g = 0; g < N; ++g) {
        mixed[g] = engine::fma(splat(a.scores[(first + g) * a.score_stride + p]), v, mixed[g]);
      }
    }
    for (std::size_t g = 0; g < N; ++g) {
      const F32v result = mixed[g] / sums[first + g];
      float* out = a.out + (first + g) * a.out_stride + d;
      if (d + kLanes <= a.head_dim) {
        store(out, result);
      } else {
        store_part(out, result, a.head_dim - d);
      }
    }
  }
}

template <class Element>
void attend(const AttentionArgs& a) {
  const auto in_groups = [&a](auto&& four, auto&& two, auto&& one) {
    std::size_t g = 0;
    for (; g + 4 <= a.n_q; g += 4) four(g);
    for (; g + 2 <= a.n_q; g += 2) two(g);
    for (; g < a.n_q; ++g) one(g);
  };
  in_groups([&a](std::size_t g) { score_heads<4, Element>(a, g); },
            [&a](std::size_t g) { score_heads<2, Element>(a, g); },
            [&a](std::size_t g) { score_heads<1, Element>(a, g); });
  float sums[8];
  for (std::size_t g = 0; g < a.n_q; ++g) {
    const std::size_t begin = first_group(a);
    sums[g] = exponentiate(a.scores + g * a.score_stride + begin, a.first_position - begin,
                           a.n_positions - begin);
  }
  in_groups([&a, &sums](std::size_t g) { mix_values<4, Element>(a, g, sums); },
            [&a, &sums](std::size_t g) { mix_values<2, Element>(a, g, sums); },
            [&a, &sums](std::size_t g) { mix_values<1, Element>(a, g, sums); });
}

}  // namespace

void attention(const AttentionArgs& args) {
  if (args.f16) {
    attend<std::uint16_t>(args);
  } else {
    attend<float>(args);
  }
}

}  // namespace wattle::engine::WATTLE_ISA
