#include "meter/formulas.hpp"

#include <algorithm>
#include <array>
#include <utility>

namespace wattle::meter {
namespace {

constexpr double kJoulesPerKwh = 3.6e6;

double number(std::uint64_t n) {
  return static_cast<double>(n);
}

double layers_run(const ModelShape& shape, std::uint64_t exit_layer) {
  return number(exit_layer == 0 ? shape.n_layers : std::min(exit_layer, shape.n_layers));
}

double head_weights(const ModelShape& shape) {
  return number(shape.n_vocab) * number(shape.d_model);
}

// h·d_h: width of all query heads.
double query_width(const ModelShape& shape) {
  return number(shape.n_heads) * number(shape.head_dim);
}

double feed_forward_weights(const ModelShape& shape) {
  const double d = number(shape.d_model);
  if (shape.n_experts == 0) return 3.0 * d * number(shape.d_ff);
  return 3.0 * d * (number(shape.top_k) * number(shape.d_ff_expert) + number(shape.d_ff_shared)) +
         d * number(shape.n_experts);
}

}  // namespace

ModelShape shape_of(const engine::ModelConfig& config) {
  return {.n_layers = config.n_layers,
          .d_model = config.d_model,
          .n_heads = config.n_heads,
          .n_kv_heads = config.n_kv_heads,
          .head_dim = config.head_dim,
          .d_ff = config.d_ff,
          .n_vocab = config.n_vocab};
}

double linear_weights(const ModelShape& shape, std::uint64_t exit_layer) {
  const double d = number(shape.d_model);
  const double kv_width = number(shape.n_kv_heads) * number(shape.head_dim);
  const double layer =
      2.0 * d * query_width(shape) + 2.0 * d * kv_width + feed_forward_weights(shape);
  return layers_run(shape, exit_layer) * layer + head_weights(shape);
}

double flops_prefill(const ModelShape& shape, std::uint64_t n_tokens, Attention attention,
                     Logits logits, std::uint64_t exit_layer) {
  if (n_tokens == 0) return 0.0;
  const double s = number(n_tokens);
  double linear = 2.0 * linear_weights(shape, exit_layer) * s;
  if (logits == Logits::last) linear -= 2.0 * head_weights(shape) * (s - 1.0);
  const double pairs = attention == Attention::dense ? 4.0 * s * s : 2.0 * s * (s + 1.0);
  return linear + layers_run(shape, exit_layer) * query_width(shape) * pairs;
}

double flops_of_past(const ModelShape& shape, std::uint64_t n_past, std::uint64_t n_tokens,
                     std::uint64_t exit_layer) {
  return 4.0 * layers_run(shape, exit_layer) * query_width(shape) * number(n_tokens) *
         number(n_past);
}

double flops_decode_step(const ModelShape& shape, std::uint64_t context, std::uint64_t exit_layer) {
  return 2.0 * linear_weights(shape, exit_layer) +
         4.0 * layers_run(shape, exit_layer) * query_width(shape) * number(context);
}

double flops_decode(const ModelShape& shape, std::uint64_t n_prompt_tokens,
                    std::uint64_t n_output_tokens, std::uint64_t exit_layer) {
  if (n_output_tokens < 2) return 0.0;
  const double steps = number(n_output_tokens) - 1.0;
  const double mean_context = number(n_prompt_tokens) + (steps + 1.0) / 2.0;
  return steps * (2.0 * linear_weights(shape, exit_layer) +
                  4.0 * layers_run(shape, exit_layer) * query_width(shape) * mean_context);
}

double kv_bytes_per_position(const ModelShape& shape, double bytes_per_element,
                             std::uint64_t exit_layer) {
  return 2.0 * layers_run(shape, exit_layer) * number(shape.n_kv_heads) * number(shape.head_dim) *
         bytes_per_element;
}

std::optional<double> mfu(double flops, double seconds, double peak_flops_per_s) {
  if (seconds <= 0.0 || peak_flops_per_s <= 0.0) return std::nullopt;
  return flops / seconds / peak_flops_per_s;
}

std::optional<double> mbu(double bytes_per_token, double tpot_s, double peak_bytes_per_s) {
  if (tpot_s <= 0.0 || peak_bytes_per_s <= 0.0) return std::nullopt;
  return bytes_per_token / tpot_s / peak_bytes_per_s;
}

double edge_power_w(double utilisation, double base_w, double max_w) {
  return base_w + (max_w - base_w) * std::clamp(utilisation, 0.0, 1.0);
}

double edge_energy_mj(double utilisation, double seconds, double base_w, double max_w) {
  return edge_power_w(utilisation, base_w, max_w) * seconds * 1000.0;
}

double co2e_g(double energy_j, double pue, double carbon_g_per_kwh) {
  return energy_j / kJoulesPerKwh * pue * carbon_g_per_kwh;
}

std::optional<double> carbon_intensity_g_per_kwh(std::string_view country) {
  constexpr std::array<std::pair<std::string_view, double>, 9> kIntensities{{{"WORLD", 475.0},
                                                                             {"USA", 369.5},
                                                                             {"DEU", 380.95},
                                                                             {"FRA", 56.0},
                                                                             {"CHN", 582.3},
                                                                             {"IND", 713.4},
                                                                             {"GBR", 237.6},
                                                                             {"SWE", 40.7},
                                                                             {"POL", 661.9}}};
  for (const auto& [name, intensity] : kIntensities) {
    if (name == country) return intensity;
  }
  return std::nullopt;
}

}  // namespace wattle::meter
