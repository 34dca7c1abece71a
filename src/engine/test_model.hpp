#pragma once
// For tests: a small llama or gemma2 model of random weights in a GGUF file, and what it computes,
// worked out in double precision, position by position, with none of the engine's code but the
// block formats.

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <filesystem>
#include <map>
#include <numbers>
#include <random>
#include <string>
#include <vector>

#include "engine/gguf_writer.hpp"
#include "engine/quant.hpp"
#include "engine/tokenizer.hpp"

namespace wattle::engine {

struct TestShape {
  TensorType type = TensorType::f32;  // of the matrices
  std::size_t n_layers = 3;
  std::size_t d_model = 64;
  std::size_t d_ff = 96;
  std::size_t n_heads = 4;
  std::size_t n_kv_heads = 2;
  std::size_t head_dim = 16;
  std::size_t rope_dims = 16;
  std::size_t n_vocab = 320;
  std::size_t context = 64;
  bool tied = false;
  bool rope_factors = false;
  float linear_scale = 1.0F;
  bool add_bos = true;
  bool uniform = false;  // the output head is zero: every token is as likely as any other
  // Gemma 2: scaled embedding, GELU, norms after each branch, soft caps, half-split RoPE, a window
  // of 5 positions on every other layer.
  bool gemma2 = false;
  std::size_t window = 5;
  double attention_softcap = 3.0;
  double logit_softcap = 6.0;
};

class TestModel {
 public:
  explicit TestModel(const TestShape& shape, std::uint32_t seed = 1)
      : shape_(shape), random_(seed) {
    const std::size_t d = shape.d_model;
    const std::size_t d_q = shape.n_heads * shape.head_dim;
    const std::size_t d_kv = shape.n_kv_heads * shape.head_dim;
    add_matrix("token_embd.weight", shape.n_vocab, d, 1.0F);
    add_vector("output_norm.weight", d);
    if (!shape.tied) add_matrix("output.weight", shape.n_vocab, d, shape.uniform ? 0.0F : 0.3F);
    if (shape.rope_factors) {
      std::vector<float> factors;
      for (std::size_t i = 0; i < shape.rope_dims / 2; ++i) {
        factors.push_back(1.0F + 0.75F * static_cast<float>(i));
      }
      add("rope_freqs.weight", TensorType::f32, {factors.size()}, factors);
    }
    for (std::size_t l = 0; l < shape.n_layers; ++l) {
      const std::string prefix = fmt::format("blk.{}.", l);
      add_vector(prefix + "attn_norm.weight", d);
      add_matrix(prefix + "attn_q.weight", d_q, d, 0.2F);
      add_matrix(prefix + "attn_k.weight", d_kv, d, 0.2F);
      add_matrix(prefix + "attn_v.weight", d_kv, d, 0.15F);
      add_matrix(prefix + "attn_output.weight", d, d_q, 0.15F);
      add_vector(prefix + "ffn_norm.weight", d);
      add_matrix(prefix + "ffn_gate.weight", shape.d_ff, d, 0.15F);
      add_matrix(prefix + "ffn_up.weight", shape.d_ff, d, 0.15F);
      add_matrix(prefix + "ffn_down.weight", d, shape.d_ff, 0.15F);
      if (shape.gemma2) {
        add_vector(prefix + "post_attention_norm.weight", d);
        add_vector(prefix + "post_ffw_norm.weight", d);
      }
    }
    set_metadata();
  }

  // Change or add keys before write().
  GgufWriter& writer() { return writer_; }
  [[nodiscard]] const TestShape& shape() const { return shape_; }
  [[nodiscard]] Status write(const std::filesystem::path& path) const {
    return writer_.write(path);
  }

  // Logits of every position. Position p runs layers 1…depth[p]; in the layers above, its keys and
  // values come from the hidden state it left with. Its logits are taken after layer
  // logit_layer[p] ≤ depth[p].
  [[nodiscard]] std::vector<std::vector<double>> logits(
      const std::vector<TokenId>& tokens, const std::vector<std::size_t>& depth,
      const std::vector<std::size_t>& logit_layer) const {
    std::vector<std::vector<Row>> keys(shape_.n_layers);
    std::vector<std::vector<Row>> values(shape_.n_layers);
    std::vector<Row> result;
    for (std::size_t p = 0; p < tokens.size(); ++p) {
      const auto embedding =
          weights_.at("token_embd.weight").begin() +
          static_cast<std::ptrdiff_t>(tokens[p]) * static_cast<std::ptrdiff_t>(shape_.d_model);
      Row x(embedding, embedding + static_cast<std::ptrdiff_t>(shape_.d_model));
      if (shape_.gemma2) {
        for (double& v : x) v *= std::sqrt(static_cast<double>(shape_.d_model));
      }
      for (std::size_t l = 0; l < shape_.n_layers; ++l) {
        const std::string prefix = fmt::format("blk.{}.", l);
        const Row h = norm(x, prefix + "attn_norm.weight");
        keys[l].push_back(rotate(product(prefix + "attn_k.weight", h), shape_.n_kv_heads, p));
        values[l].push_back(product(prefix + "attn_v.weight", h));
        if (l >= depth[p]) continue;
        const Row q = rotate(product(prefix + "attn_q.weight", h), shape_.n_heads, p);
        const std::size_t seen = shape_.gemma2 && l % 2 == 0 ? shape_.window : tokens.size();
        add_branch(x, product(prefix + "attn_output.weight", attend(q, keys[l], values[l], seen)),
                   prefix + "post_attention_norm.weight");
        const Row f = norm(x, prefix + "ffn_norm.weight");
        Row gate = product(prefix + "ffn_gate.weight", f);
        const Row up = product(prefix + "ffn_up.weight", f);
        for (std::size_t i = 0; i < gate.size(); ++i) gate[i] = activation(gate[i]) * up[i];
        add_branch(x, product(prefix + "ffn_down.weight", gate), prefix + "post_ffw_norm.weight");
        if (l + 1 == logit_layer[p]) {
          result.push_back(product(shape_.tied ? "token_embd.weight" : "output.weight",
                                   norm(x, "output_norm.weight")));
          if (shape_.gemma2) {
            for (double& v : result.back()) v = capped(v, shape_.logit_softcap);
          }
        }
      }
    }
    return result;
  }

  // Every position at one depth.
  [[nodiscard]] std::vector<std::vector<double>> logits(const std::vector<TokenId>& tokens,
                                                        std::size_t exit_layer = 0) const {
    const std::size_t layer = exit_layer == 0 ? shape_.n_layers : exit_layer;
    const std::vector<std::size_t> depth(tokens.size(), layer);
    return logits(tokens, depth, depth);
  }

 private:
  using Row = std::vector<double>;

  void add(const std::string& name, TensorType type, const std::vector<std::uint64_t>& shape,
           const std::vector<float>& values) {
    std::vector<std::byte> bytes(*row_bytes(type, values.size()));
    quantize_row(type, values, bytes);
    std::vector<float> stored(values.size());
    dequantize_row(type, bytes, stored);
    weights_[name] = std::move(stored);
    writer_.add_tensor(name, type, shape, [bytes = std::move(bytes)](const GgufWriter::Sink& sink) {
      return sink(bytes);
    });
  }
  void add_vector(const std::string& name, std::size_t n) {
    std::uniform_real_distribution<float> near_one(0.7F, 1.3F);
    std::vector<float> values(n);
    for (float& v : values) v = near_one(random_);
    add(name, TensorType::f32, {n}, values);
  }
  void add_matrix(const std::string& name, std::size_t n_rows, std::size_t n_cols, float scale) {
    std::vector<float> values(n_rows * n_cols);
    if (scale > 0.0F) {
      std::normal_distribution<float> normal(0.0F, scale);
      for (float& v : values) v = normal(random_);
    }
    add(name, shape_.type, {n_cols, n_rows}, values);
  }

  void set_metadata() {
    const auto u32 = [](std::size_t n) { return static_cast<std::uint32_t>(n); };
    const std::string arch = shape_.gemma2 ? "gemma2" : "llama";
    writer_.set_string("general.architecture", arch);
    writer_.set_string("general.name", "test model");
    writer_.set_uint32(arch + ".context_length", u32(shape_.context));
    writer_.set_uint32(arch + ".embedding_length", u32(shape_.d_model));
    writer_.set_uint32(arch + ".block_count", u32(shape_.n_layers));
    writer_.set_uint32(arch + ".feed_forward_length", u32(shape_.d_ff));
    writer_.set_uint32(arch + ".attention.head_count", u32(shape_.n_heads));
    writer_.set_uint32(arch + ".attention.head_count_kv", u32(shape_.n_kv_heads));
    writer_.set_uint32(arch + ".attention.key_length", u32(shape_.head_dim));
    writer_.set_uint32(arch + ".attention.value_length", u32(shape_.head_dim));
    writer_.set_float32(arch + ".attention.layer_norm_rms_epsilon", 1e-5F);
    writer_.set_uint32(arch + ".rope.dimension_count", u32(shape_.rope_dims));
    writer_.set_float32(arch + ".rope.freq_base", 10000.0F);
    if (shape_.gemma2) {
      writer_.set_uint32("gemma2.attention.sliding_window", u32(shape_.window));
      writer_.set_float32("gemma2.attn_logit_softcapping",
                          static_cast<float>(shape_.attention_softcap));
      writer_.set_float32("gemma2.final_logit_softcapping",
                          static_cast<float>(shape_.logit_softcap));
    }
    if (shape_.linear_scale != 1.0F) {
      writer_.set_string("llama.rope.scaling.type", "linear");
      writer_.set_float32("llama.rope.scaling.factor", shape_.linear_scale);
    }
    std::vector<std::string> tokens = {"<unk>", "<s>", "</s>"};
    std::vector<std::int32_t> types = {2, 3, 3};
    for (int byte = 0; byte < 256; ++byte) {
      tokens.push_back(fmt::format("<0x{:02X}>", byte));
      types.push_back(6);
    }
    for (std::size_t i = tokens.size(); i < shape_.n_vocab; ++i) {
      tokens.push_back(i % 2 == 0 ? fmt::format("\xE2\x96\x81w{}", i) : fmt::format("p{}", i));
      types.push_back(1);
    }
    writer_.set_string("tokenizer.ggml.model", "llama");
    writer_.set_floats32("tokenizer.ggml.scores", std::vector<float>(tokens.size(), 0.0F));
    writer_.set_strings("tokenizer.ggml.tokens", std::move(tokens));
    writer_.set_ints32("tokenizer.ggml.token_type", std::move(types));
    writer_.set_uint32("tokenizer.ggml.bos_token_id", 1);
    writer_.set_uint32("tokenizer.ggml.eos_token_id", 2);
    writer_.set_uint32("tokenizer.ggml.unknown_token_id", 0);
    writer_.set_bool("tokenizer.ggml.add_bos_token", shape_.add_bos);
  }

  [[nodiscard]] Row norm(const Row& x, const std::string& weight) const {
    double squares = 0;
    for (const double v : x) squares += v * v;
    const double rms = std::sqrt(squares / static_cast<double>(x.size()) + 1e-5);
    Row out(x.size());
    for (std::size_t i = 0; i < x.size(); ++i) {
      out[i] = x[i] / rms * static_cast<double>(weights_.at(weight)[i]);
    }
    return out;
  }
  [[nodiscard]] Row product(const std::string& matrix, const Row& x) const {
    const std::vector<float>& w = weights_.at(matrix);
    Row out(w.size() / x.size(), 0.0);
    for (std::size_t r = 0; r < out.size(); ++r) {
      for (std::size_t c = 0; c < x.size(); ++c) {
        out[r] += static_cast<double>(w[r * x.size() + c]) * x[c];
      }
    }
    return out;
  }
  void add_branch(Row& x, Row y, const std::string& post_norm) const {
    if (shape_.gemma2) y = norm(y, post_norm);
    for (std::size_t i = 0; i < x.size(); ++i) x[i] += y[i];
  }
  static double capped(double x, double cap) { return cap * std::tanh(x / cap); }
  [[nodiscard]] double activation(double x) const {
    if (!shape_.gemma2) return x / (1.0 + std::exp(-x));
    return 0.5 * x *
           (1.0 + std::tanh(std::sqrt(2.0 / std::numbers::pi) * (x + 0.044715 * x * x * x)));
  }
  [[nodiscard]] Row rotate(Row heads, std::size_t n_heads, std::size_t position) const {
    for (std::size_t h = 0; h < n_heads; ++h) {
      for (std::size_t i = 0; i < shape_.rope_dims / 2; ++i) {
        double angle = static_cast<double>(position) *
                       std::pow(10000.0, -2.0 * static_cast<double>(i) /
                                             static_cast<double>(shape_.rope_dims));
        angle /= static_cast<double>(shape_.linear_scale);
        if (shape_.rope_factors) {
          angle /= static_cast<double>(weights_.at("rope_freqs.weight")[i]);
        }
        const std::size_t first = h * shape_.head_dim;
        double& a = heads[first + (shape_.gemma2 ? i : 2 * i)];
        double& b = heads[first + (shape_.gemma2 ? i + shape_.rope_dims / 2 : 2 * i + 1)];
        const double rotated = a * std::cos(angle) - b * std::sin(angle);
        b = a * std::sin(angle) + b * std::cos(angle);
        a = rotated;
      }
    }
    return heads;
  }
  // `seen`: positions, the last ones, that are looked at.
  [[nodiscard]] Row attend(const Row& q, const std::vector<Row>& keys,
                           const std::vector<Row>& values, std::size_t seen) const {
    const std::size_t begin = keys.size() - std::min(seen, keys.size());
    const std::size_t dim = shape_.head_dim;
    Row out(q.size(), 0.0);
    for (std::size_t h = 0; h < shape_.n_heads; ++h) {
      const std::size_t kv = h / (shape_.n_heads / shape_.n_kv_heads) * dim;
      Row weight(keys.size());
      double total = 0;
      for (std::size_t p = begin; p < keys.size(); ++p) {
        double score = 0;
        for (std::size_t d = 0; d < dim; ++d) score += q[h * dim + d] * keys[p][kv + d];
        score /= std::sqrt(static_cast<double>(dim));
        if (shape_.gemma2) score = capped(score, shape_.attention_softcap);
        weight[p] = std::exp(score);
        total += weight[p];
      }
      for (std::size_t p = 0; p < keys.size(); ++p) {
        for (std::size_t d = 0; d < dim; ++d) {
          out[h * dim + d] += weight[p] / total * values[p][kv + d];
        }
      }
    }
    return out;
  }

  TestShape shape_;
  std::mt19937 random_;
  GgufWriter writer_;
  std::map<std::string, std::vector<float>> weights_;
};

}  // namespace wattle::engine
