#include "engine/config.hpp"

#include <fmt/format.h>

#include <array>
#include <cmath>
#include <filesystem>

namespace wattle::engine {
namespace {

constexpr std::array kArchitectures = {
    Architecture{"llama", "RMSNorm, grouped-query attention with interleaved RoPE, SwiGLU"},
};

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
  } else {
    return reader.bad("rope.scaling.type",
                      fmt::format("is '{}'; supported are none and linear", scaling),
                      ErrorCode::unsupported);
  }
  return {};
}

Status refuse_unsupported(const ConfigReader& reader, const ModelConfig& config) {
  WATTLE_TRY(const auto experts, reader.count("expert_count"));
  if (experts != 0) {
    return reader.bad("expert_count", fmt::format("is {}: mixtures of experts", experts),
                      ErrorCode::unsupported);
  }
  WATTLE_TRY(const auto window, reader.count("attention.sliding_window"));
  if (window != 0 && window < config.context_length) {
    return reader.bad("attention.sliding_window",
                      fmt::format("is {}: attention over a window", window),
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
  WATTLE_TRY(config.rms_epsilon, reader.positive("attention.layer_norm_rms_epsilon", 1e-5));
  WATTLE_CHECK(read_heads(reader, config));
  WATTLE_CHECK(read_rope(reader, config));
  WATTLE_CHECK(refuse_unsupported(reader, config));
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
