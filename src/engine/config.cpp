#include "engine/config.hpp"

#include <fmt/format.h>

#include <array>
#include <cmath>
#include <filesystem>

namespace wattle::engine {
namespace {

using Norm = Architecture::Norm;
using Rope = Architecture::Rope;
using Gate = Architecture::Gate;
using Window = Architecture::Window;

// Biases, RoPE factors and a separate output head are recognised by their tensors.
constexpr auto kArchitectures = std::to_array<Architecture>({
    // Llama 2 and 3, TinyLlama, Mistral, SmolLM
    {.name = "llama", .rope = Rope::interleaved},
    {.name = "qwen2"},
    {.name = "qwen3", .head_norms = true},
    {.name = "phi3", .fused_qkv = true, .fused_gate_up = true},
    {.name = "gemma", .gate = Gate::gelu, .scaled_embedding = true},
    {.name = "gemma2",
     .gate = Gate::gelu,
     .window = Window::every_other_layer,
     .default_window = 4096,
     .post_norms = true,
     .scaled_embedding = true,
     .wide_scale_layers = 46},
    // StableLM 2 (1.6B)
    {.name = "stablelm", .norm = Norm::layer},
});

// Far above every model there is; keeps products of sizes within 64 bits.
constexpr std::uint64_t kMaxSize = 1U << 24U;

class ConfigReader {
 public:
  ConfigReader(const GgufFile& file, std::string architecture)
      : file_(file), prefix_(std::move(architecture) + ".") {}

  [[nodiscard]] std::unexpected<Error> bad(const std::string& key, const std::string& why,
                                           ErrorCode code = ErrorCode::invalid_format) const {
    return fail(code, fmt::format("cannot load {}: {}{} {}", file_.source(), prefix_, key, why),
                code == ErrorCode::unsupported
                    ? "Use a model without it."
                    : "The file is damaged or was converted wrongly: convert it again.");
  }

  // 1 … kMaxSize; absent: `fallback`, or an error if that is 0.
  [[nodiscard]] Result<std::uint32_t> size(const std::string& key,
                                           std::uint64_t fallback = 0) const {
    WATTLE_TRY(const auto found, file_.get_uint(prefix_ + key));
    if (!found && fallback == 0) return bad(key, "is missing");
    const std::uint64_t value = found.value_or(fallback);
    if (value == 0 || value > kMaxSize) {
      return bad(key, fmt::format("is {}; it must be between 1 and {}", value, kMaxSize));
    }
    return static_cast<std::uint32_t>(value);
  }

  [[nodiscard]] Result<float> positive(const std::string& key, double fallback) const {
    WATTLE_TRY(const auto found, file_.get_float(prefix_ + key));
    const double value = found.value_or(fallback);
    if (!std::isfinite(value) || value <= 0.0) {
      return bad(key, fmt::format("is {}; it must be a positive number", value));
    }
    return static_cast<float>(value);
  }

  // 0: absent.
  [[nodiscard]] Result<float> cap(const std::string& key) const {
    WATTLE_TRY(const auto found, file_.get_float(prefix_ + key));
    if (!found) return 0.0F;
    return positive(key, 0.0);
  }

  [[nodiscard]] Result<bool> flag(const std::string& key) const {
    WATTLE_TRY(const auto found, file_.get_bool(prefix_ + key));
    return found.value_or(false);
  }

  [[nodiscard]] Result<std::uint64_t> count(const std::string& key) const {
    WATTLE_TRY(const auto found, file_.get_uint(prefix_ + key));
    return found.value_or(0);
  }

  [[nodiscard]] Result<std::string> text(const std::string& key) const {
    WATTLE_TRY(auto found, file_.get_string(prefix_ + key));
    return found.value_or("");
  }

 private:
  const GgufFile& file_;
  std::string prefix_;
};

Status read_heads(const ConfigReader& reader, ModelConfig& config) {
  WATTLE_TRY(config.n_heads, reader.size("attention.head_count"));
  WATTLE_TRY(config.n_kv_heads, reader.size("attention.head_count_kv", config.n_heads));
  if (config.n_heads % config.n_kv_heads != 0) {
    return reader.bad("attention.head_count_kv",
                      fmt::format("is {}, which does not divide the {} heads", config.n_kv_heads,
                                  config.n_heads));
  }
  if (config.d_model % config.n_heads != 0) {
    WATTLE_TRY(const auto explicit_dim, reader.count("attention.key_length"));
    if (explicit_dim == 0) {
      return reader.bad("attention.head_count",
                        fmt::format("is {}, which does not divide embedding_length {}",
                                    config.n_heads, config.d_model));
    }
  }
  WATTLE_TRY(config.head_dim,
             reader.size("attention.key_length", std::max(1U, config.d_model / config.n_heads)));
  WATTLE_TRY(const auto value_length, reader.size("attention.value_length", config.head_dim));
  if (value_length != config.head_dim) {
    return reader.bad("attention.value_length",
                      fmt::format("is {}, unlike key_length {}", value_length, config.head_dim),
                      ErrorCode::unsupported);
  }
  return {};
}

Status read_rope(const ConfigReader& reader, ModelConfig& config) {
  WATTLE_TRY(config.rope_dims, reader.size("rope.dimension_count", config.head_dim));
  if (config.rope_dims % 2 != 0 || config.rope_dims > config.head_dim) {
    return reader.bad("rope.dimension_count",
                      fmt::format("is {}; it must be even and at most the head size {}",
                                  config.rope_dims, config.head_dim));
  }
  WATTLE_TRY(config.rope_base, reader.positive("rope.freq_base", 10000.0));
  WATTLE_TRY(const std::string scaling, reader.text("rope.scaling.type"));
  if (scaling.empty() || scaling == "none") {
    WATTLE_TRY(config.rope_linear_scale, reader.positive("rope.scale_linear", 1.0));
  } else if (scaling == "linear") {
    WATTLE_TRY(config.rope_linear_scale, reader.positive("rope.scaling.factor", 1.0));
  } else if (scaling != "longrope") {
    return reader.bad("rope.scaling.type",
                      fmt::format("is '{}'; supported are none, linear and longrope", scaling),
                      ErrorCode::unsupported);
  }
  WATTLE_TRY(config.rope_magnitude, reader.positive("rope.scaling.attn_factor", 1.0));
  WATTLE_TRY(config.rope_original_context,
             reader.size("rope.scaling.original_context_length", config.context_length));
  return {};
}

Status read_attention(const ConfigReader& reader, const Architecture& architecture,
                      ModelConfig& config) {
  WATTLE_TRY(config.attention_softcap, reader.cap("attn_logit_softcapping"));
  WATTLE_TRY(config.logit_softcap, reader.cap("final_logit_softcapping"));
  WATTLE_TRY(const auto window, reader.count("attention.sliding_window"));
  const std::uint64_t size = window != 0 ? window : architecture.default_window;
  if (size != 0 && size < config.context_length) {
    config.sliding_window = static_cast<std::uint32_t>(size);
  }
  const bool wide = architecture.wide_scale_layers == config.n_layers;
  const auto width = static_cast<float>(wide ? config.d_model / config.n_heads : config.head_dim);
  config.attention_scale = 1.0F / std::sqrt(width);
  return {};
}

Status refuse_unsupported(const ConfigReader& reader) {
  WATTLE_TRY(const auto experts, reader.count("expert_count"));
  if (experts != 0) {
    return reader.bad("expert_count", fmt::format("is {}: mixtures of experts", experts),
                      ErrorCode::unsupported);
  }
  WATTLE_TRY(const auto parallel, reader.flag("use_parallel_residual"));
  if (parallel) {
    return reader.bad("use_parallel_residual", "is true: parallel branches",
                      ErrorCode::unsupported);
  }
  return {};
}

}  // namespace

const Architecture* find_architecture(const std::string& name) {
  for (const Architecture& architecture : kArchitectures) {
    if (name == architecture.name) return &architecture;
  }
  return nullptr;
}

Result<ModelConfig> read_config(const GgufFile& file) {
  ModelConfig config;
  WATTLE_TRY(config.architecture, file.require_string("general.architecture"));
  if (find_architecture(config.architecture) == nullptr) {
    std::string known;
    for (const Architecture& architecture : kArchitectures) {
      known += known.empty() ? architecture.name : std::string(", ") + architecture.name;
    }
    return fail(ErrorCode::unsupported,
                fmt::format("cannot load {}: general.architecture is '{}'", file.source(),
                            config.architecture),
                fmt::format("Supported architectures: {}.", known));
  }
  WATTLE_TRY(const auto name, file.get_string("general.name"));
  config.name =
      name && !name->empty() ? *name : std::filesystem::path(file.source()).stem().string();
  const ConfigReader reader(file, config.architecture);
  WATTLE_TRY(config.n_layers, reader.size("block_count"));
  WATTLE_TRY(config.d_model, reader.size("embedding_length"));
  WATTLE_TRY(config.d_ff, reader.size("feed_forward_length"));
  WATTLE_TRY(config.context_length, reader.size("context_length"));
  const Architecture& architecture = *find_architecture(config.architecture);
  WATTLE_TRY(config.norm_epsilon,
             reader.positive(architecture.norm == Norm::rms ? "attention.layer_norm_rms_epsilon"
                                                            : "attention.layer_norm_epsilon",
                             1e-5));
  WATTLE_CHECK(read_heads(reader, config));
  WATTLE_CHECK(read_rope(reader, config));
  WATTLE_CHECK(read_attention(reader, architecture, config));
  WATTLE_CHECK(refuse_unsupported(reader));
  // Set where weights come as Hugging Face has them: GGUF files of the llama architecture hold
  // queries and keys in another order.
  WATTLE_TRY(const auto half_split, file.get_bool("wattle.rope_half_split"));
  config.rope_half_split = half_split.value_or(architecture.rope == Rope::half_split);
  const TensorInfo* embedding = file.find_tensor("token_embd.weight");
  if (embedding == nullptr || embedding->shape.size() != 2) {
    return fail(
        ErrorCode::invalid_format,
        fmt::format("cannot load {}: there is no matrix 'token_embd.weight'", file.source()),
        "The file holds no complete model; convert it again.");
  }
  if (embedding->shape[1] == 0 || embedding->shape[1] > kMaxSize) {
    return fail(ErrorCode::invalid_format,
                fmt::format("cannot load {}: 'token_embd.weight' has {} rows", file.source(),
                            embedding->shape[1]),
                "The vocabulary size is out of range; convert the file again.");
  }
  config.n_vocab = static_cast<std::uint32_t>(embedding->shape[1]);
  config.tied_output = file.find_tensor("output.weight") == nullptr;
  return config;
}

}  // namespace wattle::engine
