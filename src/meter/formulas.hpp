#pragma once
// Compute, memory traffic, carbon and the edge energy formula: pure functions.
// Sources: parameter and FLOP counts of a decoder-only transformer, one multiply-add = 2 FLOPs
// (Kaplan et al. 2020, appendix B; Hoffmann et al. 2022, appendix F); carbon intensities of 2023
// (Our World in Data, by way of CodeCarbon).

#include <cstdint>
#include <optional>
#include <string_view>

#include "engine/model.hpp"

namespace wattle::meter {

// Symbols as in docs/formats/inference-record.md.
struct ModelShape {
  std::uint64_t n_layers = 0;    // L
  std::uint64_t d_model = 0;     // d
  std::uint64_t n_heads = 0;     // h
  std::uint64_t n_kv_heads = 0;  // h_kv
  std::uint64_t head_dim = 0;    // d_h
  std::uint64_t d_ff = 0;        // f
  std::uint64_t n_vocab = 0;     // V
  // Mixture of experts; 0 experts: dense.
  std::uint64_t n_experts = 0;    // E
  std::uint64_t top_k = 0;        // experts a token uses
  std::uint64_t d_ff_expert = 0;  // f_e
  std::uint64_t d_ff_shared = 0;  // of the expert every token uses
};
[[nodiscard]] ModelShape shape_of(const engine::ModelConfig& config);

enum class Attention { dense, causal };  // all s² pairs, or the s(s+1)/2 that are used
enum class Logits { every, last };       // at how many positions of the prompt

// W: weights one token is multiplied with,
//   L·(d·h·d_h + 2·d·h_kv·d_h + h·d_h·d + 3·d·f) + V·d.
// Experts: 3·d·f becomes top_k·3·d·f_e + 3·d·f_shared + d·E. `exit_layer` 0: all layers; leaving
// early, L becomes the exit layer and V·d stays.
[[nodiscard]] double linear_weights(const ModelShape& shape, std::uint64_t exit_layer = 0);

// Prefill of s tokens: 2·W·s + 4·L·h·d_h·s² (dense) or + 2·L·h·d_h·s(s+1) (causal). With
// Logits::last, V·d counts once.
[[nodiscard]] double flops_prefill(const ModelShape& shape, std::uint64_t n_tokens,
                                   Attention attention = Attention::causal,
                                   Logits logits = Logits::last, std::uint64_t exit_layer = 0);
// What prefill of s tokens costs more when n_past positions stand before them: 4·L·h·d_h·s·n_past.
[[nodiscard]] double flops_of_past(const ModelShape& shape, std::uint64_t n_past,
                                   std::uint64_t n_tokens, std::uint64_t exit_layer = 0);
// One token at context c (itself included): 2·W + 4·L·h·d_h·c.
[[nodiscard]] double flops_decode_step(const ModelShape& shape, std::uint64_t context,
                                       std::uint64_t exit_layer = 0);
// Steps for the outputs after the first (which prefill gives): contexts n_prompt+1 … n_prompt+n−1.
[[nodiscard]] double flops_decode(const ModelShape& shape, std::uint64_t n_prompt_tokens,
                                  std::uint64_t n_output_tokens, std::uint64_t exit_layer = 0);

// 2·L·h_kv·d_h·bytes: keys and values of one position.
[[nodiscard]] double kv_bytes_per_position(const ModelShape& shape, double bytes_per_element,
                                           std::uint64_t exit_layer = 0);

// Model FLOP/s ÷ peak FLOP/s, and (weight + KV bytes)/TPOT ÷ peak bandwidth. Empty unless time and
// a measured peak are known.
[[nodiscard]] std::optional<double> mfu(double flops, double seconds, double peak_flops_per_s);
[[nodiscard]] std::optional<double> mbu(double bytes_per_token, double tpot_s,
                                        double peak_bytes_per_s);

// P = base + (max − base)·utilisation, utilisation clamped to [0, 1]; E in mJ = P·t·1000.
[[nodiscard]] double edge_power_w(double utilisation, double base_w = 5.0, double max_w = 15.0);
[[nodiscard]] double edge_energy_mj(double utilisation, double seconds, double base_w = 5.0,
                                    double max_w = 15.0);

// kWh · PUE · g/kWh.
[[nodiscard]] double co2e_g(double energy_j, double pue, double carbon_g_per_kwh);
// "WORLD", or an ISO 3166 alpha-3 code: USA, DEU, FRA, CHN, IND, GBR, SWE, POL.
[[nodiscard]] std::optional<double> carbon_intensity_g_per_kwh(std::string_view country);

}  // namespace wattle::meter
