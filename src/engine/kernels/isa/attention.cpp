// Attention of one position: the query heads that share a KV head against all earlier positions.
// Sums run over positions in order, whatever pages they lie in.

#include "engine/kernels/isa/ops.hpp"
#include "engine/kernels/isa/simd.hpp"

namespace wattle::engine::WATTLE_ISA {
namespace {

// Keys come in groups: the first that holds a position within the window.
std::size_t first_group(const AttentionArgs& a) {
  return a.first_position / kKeyGroup * kKeyGroup;
}

// Calls run(page, i, p, n) for each run of positions p … p + n − 1 that lie in one page, from its
// i-th position on.
template <class Run>
WATTLE_INLINE void for_each_run(const AttentionArgs& a, std::size_t begin, Run&& run) {
  for (std::size_t p = begin; p < a.n_positions;) {
    const std::size_t i = p % a.page_positions;
    const std::size_t left = a.n_positions - p;
    const std::size_t n = a.page_positions - i < left ? a.page_positions - i : left;
    run(a.pages[p / a.page_positions], i, p, n);
    p += n;
  }
}

template <class Element>
constexpr bool kScaled = sizeof(Element) == 1;

// scores[g, p] = scale · q[g]·k[p], for N heads at a time.
template <std::size_t N, class Element>
void score_heads(const AttentionArgs& a, std::size_t first) {
  const auto score_group = [&a, first](const Element* group, const float* scales, float* scores) {
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
        if constexpr (kScaled<Element>) score *= load(scales + part);
        if (a.softcap > 0.0F) score = a.softcap * engine::tanh(score / a.softcap);
        store(scores + (first + g) * a.score_stride + part, score);
      }
    }
  };
  for_each_run(a, first_group(a),
               [&](const std::byte* page, std::size_t i, std::size_t p, std::size_t n) {
                 const auto* keys = reinterpret_cast<const Element*>(page + a.keys);
                 const auto* scales = reinterpret_cast<const float*>(page + a.key_scales);
                 for (std::size_t j = 0; j < n; j += kKeyGroup) {
                   score_group(keys + (i + j) * a.head_dim, scales + i + j, a.scores + p + j);
                 }
               });
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

// scores[g, p] ·= scale of the value at p
void scale_weights(const AttentionArgs& a) {
  for_each_run(a, a.first_position,
               [&a](const std::byte* page, std::size_t i, std::size_t p, std::size_t n) {
                 const auto* scales = reinterpret_cast<const float*>(page + a.value_scales);
                 for (std::size_t g = 0; g < a.n_q; ++g) {
                   float* weights = a.scores + g * a.score_stride + p;
                   for (std::size_t j = 0; j < n; ++j) weights[j] *= scales[i + j];
                 }
               });
}

// out[g] = Σ_p weight[g, p] · v[p] / sum[g]
template <std::size_t N, class Element>
void mix_values(const AttentionArgs& a, std::size_t first, const float* sums) {
  for (std::size_t d = 0; d < a.head_dim; d += kLanes) {
    F32v mixed[N] = {};
    for_each_run(a, a.first_position,
                 [&](const std::byte* page, std::size_t i, std::size_t p, std::size_t n) {
                   const auto* values =
                       reinterpret_cast<const Element*>(page + a.values) + i * a.value_stride + d;
                   const float* weights = a.scores + first * a.score_stride + p;
                   for (std::size_t j = 0; j < n; ++j) {
                     const F32v v = load(values + j * a.value_stride);
                     for (std::size_t g = 0; g < N; ++g) {
                       mixed[g] = engine::fma(splat(weights[g * a.score_stride + j]), v, mixed[g]);
                     }
                   }
                 });
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
  if constexpr (kScaled<Element>) scale_weights(a);
  in_groups([&a, &sums](std::size_t g) { mix_values<4, Element>(a, g, sums); },
            [&a, &sums](std::size_t g) { mix_values<2, Element>(a, g, sums); },
            [&a, &sums](std::size_t g) { mix_values<1, Element>(a, g, sums); });
}

}  // namespace

void attention(const AttentionArgs& args) {
  switch (args.element) {
    case KvElement::f32:
      return attend<float>(args);
    case KvElement::f16:
      return attend<std::uint16_t>(args);
    case KvElement::i8:
      return attend<std::int8_t>(args);
  }
}

}  // namespace wattle::engine::WATTLE_ISA
