#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <numbers>
#include <utility>

#include "compress/synth.hpp"

namespace wattle::compress {
namespace {

// Published configurations of the models. Phi-3.5-mini is given without its long-context RoPE
// factors, so its context is the original 4,096.
constexpr std::array<SynthShape, 6> kShapes{{
    {.name = "tinyllama-1.1b",
     .architecture = "llama",
     .n_layers = 22,
     .d_model = 2048,
     .d_ff = 5632,
     .n_heads = 32,
     .n_kv_heads = 4,
     .n_vocab = 32000,
     .context_length = 2048},
    {.name = "llama3.2-1b",
     .architecture = "llama",
     .n_layers = 16,
     .d_model = 2048,
     .d_ff = 8192,
     .n_heads = 32,
     .n_kv_heads = 8,
     .n_vocab = 128256,
     .context_length = 131072,
     .rope_base = 500000.0F,
     .tied_output = true,
     .llama3_rope = true},
    {.name = "llama3.2-3b",
     .architecture = "llama",
     .n_layers = 28,
     .d_model = 3072,
     .d_ff = 8192,
     .n_heads = 24,
     .n_kv_heads = 8,
     .n_vocab = 128256,
     .context_length = 131072,
     .rope_base = 500000.0F,
     .tied_output = true,
     .llama3_rope = true},
    {.name = "phi3.5-mini",
     .architecture = "phi3",
     .n_layers = 32,
     .d_model = 3072,
     .d_ff = 8192,
     .n_heads = 32,
     .n_kv_heads = 32,
     .n_vocab = 32064,
     .context_length = 4096},
    {.name = "llama2-7b",
     .architecture = "llama",
     .n_layers = 32,
     .d_model = 4096,
     .d_ff = 11008,
     .n_heads = 32,
     .n_kv_heads = 32,
     .n_vocab = 32000,
     .context_length = 4096},
    {.name = "tiny",  // no known model: for trying things out, and for tests
     .architecture = "llama",
     .n_layers = 4,
     .d_model = 64,
     .d_ff = 160,
     .n_heads = 4,
     .n_kv_heads = 2,
     .n_vocab = 1000,
     .context_length = 256},
}};

}  // namespace

std::span<const SynthShape> synth_shapes() {
  return kShapes;
}

Result<SynthShape> find_synth_shape(std::string_view name) {
  const auto* found = std::ranges::find(kShapes, name, &SynthShape::name);
  if (found != kShapes.end()) return *found;
  std::string names;
  for (const auto& shape : kShapes)
    names += fmt::format("{}{}", names.empty() ? "" : ", ", shape.name);
  return fail(ErrorCode::invalid_argument, fmt::format("there is no shape '{}'", name),
              fmt::format("Choose one of {}.", names));
}

std::vector<float> llama3_rope_factors(std::uint32_t head_dim, float rope_base) {
  constexpr double kFactor = 32.0;
  constexpr double kLow = 1.0;
  constexpr double kHigh = 4.0;
  constexpr double kOriginalContext = 8192.0;
  std::vector<float> factors;
  for (std::uint32_t i = 0; i < head_dim / 2; ++i) {
    const double frequency = std::pow(static_cast<double>(rope_base), -2.0 * i / head_dim);
    const double wavelength = 2.0 * std::numbers::pi / frequency;
    double factor = kFactor;
    if (wavelength < kOriginalContext / kHigh) {
      factor = 1.0;
    } else if (wavelength <= kOriginalContext / kLow) {
      const double smooth = (kOriginalContext / wavelength - kLow) / (kHigh - kLow);
      factor = 1.0 / ((1.0 - smooth) / kFactor + smooth);
    }
    factors.push_back(static_cast<float>(factor));
  }
  return factors;
}

std::vector<SynthTensor> synth_tensors(const SynthShape& shape) {
  const std::uint64_t d = shape.d_model;
  const std::uint64_t ff = shape.d_ff;
  const std::uint64_t kv = std::uint64_t{shape.n_kv_heads} * shape.head_dim();
  std::vector<SynthTensor> tensors{{"token_embd.weight", {d, shape.n_vocab}},
                                   {"output_norm.weight", {d}}};
  if (!shape.tied_output) tensors.push_back({"output.weight", {d, shape.n_vocab}});
  if (shape.llama3_rope) tensors.push_back({"rope_freqs.weight", {shape.head_dim() / 2}});
  for (std::uint32_t layer = 0; layer < shape.n_layers; ++layer) {
    const auto add = [&](const char* name, std::vector<std::uint64_t> extents) {
      tensors.push_back({fmt::format("blk.{}.{}.weight", layer, name), std::move(extents)});
    };
    add("attn_norm", {d});
    if (shape.architecture == "phi3") {
      add("attn_qkv", {d, d + 2 * kv});
    } else {
      add("attn_q", {d, d});
      add("attn_k", {d, kv});
      add("attn_v", {d, kv});
    }
    add("attn_output", {d, d});
    add("ffn_norm", {d});
    if (shape.architecture == "phi3") {
      add("ffn_up", {d, 2 * ff});  // gate and up in one
    } else {
      add("ffn_gate", {d, ff});
      add("ffn_up", {d, ff});
    }
    add("ffn_down", {ff, d});
  }
  return tensors;
}

}  // namespace wattle::compress
