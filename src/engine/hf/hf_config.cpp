#include "engine/hf/hf_config.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <numbers>

namespace wattle::engine {
namespace {

constexpr std::uint64_t kLargest = 1U << 24U;
constexpr std::uint32_t kU32 = 4;
constexpr std::uint32_t kF32 = 6;
constexpr std::uint32_t kBool = 7;
constexpr std::uint32_t kString = 8;

struct KnownModel {
  std::string_view model_type;
  std::string_view architecture;
  bool tied_by_default;
};
constexpr auto kModels = std::to_array<KnownModel>({{"llama", "llama", false},
                                                    {"mistral", "llama", false},
                                                    {"qwen2", "qwen2", false},
                                                    {"qwen3", "qwen3", false},
                                                    {"phi3", "phi3", false},
                                                    {"gemma", "gemma", true},
                                                    {"gemma2", "gemma2", true},
                                                    {"stablelm", "stablelm", false}});

class Reader {
 public:
  Reader(const Json& config, const std::string& source) : config_(config), source_(source) {}

  Result<HfConfig> read() {
    if (!config_.is_object()) return bad("", "is not a JSON object");
    WATTLE_CHECK(choose_architecture());
    const std::string& arch = out_.architecture;
    put("general.architecture", kString, arch);
    if (const Json name = get("_name_or_path");
        name.is_string() && !name.get<std::string>().empty()) {
      put("general.name", kString, name.get<std::string>());
    }
    put("wattle.rope_half_split", kBool, true);
    WATTLE_CHECK(sizes());
    WATTLE_CHECK(number("rms_norm_eps", "attention.layer_norm_rms_epsilon"));
    WATTLE_CHECK(number("layer_norm_eps", "attention.layer_norm_epsilon"));
    WATTLE_CHECK(number("layer_norm_epsilon", "attention.layer_norm_epsilon"));
    WATTLE_CHECK(number("attn_logit_softcapping", "attn_logit_softcapping"));
    WATTLE_CHECK(number("final_logit_softcapping", "final_logit_softcapping"));
    if (get("use_parallel_residual") == Json(true))
      put(arch + ".use_parallel_residual", kBool, true);
    WATTLE_CHECK(window());
    WATTLE_CHECK(rope());
    WATTLE_CHECK(quantization());
    const Json tied = get("tie_word_embeddings");
    if (tied.is_boolean()) out_.tied_output = tied.get<bool>();
    return std::move(out_);
  }

 private:
  [[nodiscard]] std::unexpected<Error> bad(const std::string& key, const std::string& why,
                                           ErrorCode code = ErrorCode::invalid_format) const {
    return fail(
        code,
        fmt::format("cannot use {}: {} {}", source_, key.empty() ? "it" : "'" + key + "'", why),
        code == ErrorCode::unsupported ? "Use a model without it, or a GGUF file of this one."
                                       : "The file is damaged: download it again.");
  }

  [[nodiscard]] Json get(const std::string& key) const { return config_.value(key, Json()); }

  void put(const std::string& key, std::uint32_t type, auto value) {
    out_.metadata.emplace_back(key, GgufValue{type, std::move(value)});
  }

  Status choose_architecture() {
    const Json type = get("model_type");
    std::string known;
    for (const KnownModel& model : kModels) {
      if (type.is_string() && type.get<std::string>() == model.model_type) {
        out_.architecture = model.architecture;
        out_.tied_output = model.tied_by_default;
        out_.norms_plus_one = model.architecture.starts_with("gemma");
        return {};
      }
      known += (known.empty() ? "" : ", ") + std::string(model.model_type);
    }
    return fail(ErrorCode::unsupported,
                fmt::format("cannot use {}: model_type is {}", source_, dump_json(type)),
                "Supported model types: " + known + ".");
  }

  // 0: absent
  Result<std::uint64_t> count(const std::string& key) const {
    const Json value = get(key);
    if (value.is_null()) return std::uint64_t{0};
    if (!value.is_number_unsigned() || value.get<std::uint64_t>() > kLargest) {
      return bad(key, fmt::format("is {}; it must be a whole number up to {}", dump_json(value),
                                  kLargest));
    }
    return value.get<std::uint64_t>();
  }

  Status sizes() {
    struct Size {
      const char* from;
      const char* to;
    };
    for (const Size& size :
         {Size{"num_hidden_layers", "block_count"}, Size{"hidden_size", "embedding_length"},
          Size{"intermediate_size", "feed_forward_length"},
          Size{"num_attention_heads", "attention.head_count"},
          Size{"num_key_value_heads", "attention.head_count_kv"},
          Size{"head_dim", "attention.key_length"}, Size{"head_dim", "attention.value_length"},
          Size{"max_position_embeddings", "context_length"}}) {
      WATTLE_TRY(const std::uint64_t value, count(size.from));
      if (value != 0) put(out_.architecture + "." + size.to, kU32, value);
    }
    WATTLE_TRY(d_model_, count("hidden_size"));
    WATTLE_TRY(n_heads_, count("num_attention_heads"));
    WATTLE_TRY(context_, count("max_position_embeddings"));
    WATTLE_TRY(head_dim_, count("head_dim"));
    if (n_heads_ == 0 || d_model_ == 0)
      return bad("num_attention_heads", "or hidden_size is missing");
    if (head_dim_ == 0) head_dim_ = d_model_ / n_heads_;
    return {};
  }

  Status number(const std::string& from, const std::string& to) {
    const Json value = get(from);
    if (value.is_null()) return {};
    if (!value.is_number()) return bad(from, "is not a number");
    put(out_.architecture + "." + to, kF32, value.get<double>());
    return {};
  }

  Status window() {
    WATTLE_TRY(const std::uint64_t size, count("sliding_window"));
    const Json used = get("use_sliding_window");  // qwen2 names a window that it does not use
    if (size != 0 && used != Json(false)) {
      put(out_.architecture + ".attention.sliding_window", kU32, size);
    }
    return {};
  }

  Status rope() {
    const Json parameters = get("rope_parameters");
    const Json scaling = parameters.is_object() ? parameters : get("rope_scaling");
    Json base = get("rope_theta");
    if (base.is_null() && scaling.is_object()) base = scaling.value("rope_theta", Json());
    if (!base.is_null() && !base.is_number()) return bad("rope_theta", "is not a number");
    base_ = base.is_number() ? base.get<double>() : 10000.0;
    put(out_.architecture + ".rope.freq_base", kF32, base_);
    WATTLE_CHECK(rotated_dimensions());
    if (!scaling.is_object()) return {};
    const Json type = scaling.contains("rope_type") ? scaling["rope_type"]
                                                    : scaling.value("type", Json("default"));
    const std::string name = type.is_string() ? type.get<std::string>() : dump_json(type);
    if (name == "default") return {};
    if (name == "linear") {
      put(out_.architecture + ".rope.scaling.type", kString, std::string("linear"));
      WATTLE_TRY(const double factor, positive(scaling, "factor"));
      put(out_.architecture + ".rope.scaling.factor", kF32, factor);
      return {};
    }
    if (name == "llama3") return llama3(scaling);
    if (name == "longrope" || name == "su") return longrope(scaling);
    return bad("rope_scaling", fmt::format("is of type '{}'", name), ErrorCode::unsupported);
  }

  Status rotated_dimensions() {
    Json factor = get("partial_rotary_factor");
    if (factor.is_null()) factor = get("rope_pct");
    if (factor.is_null()) return {};
    if (!factor.is_number() || !(factor.get<double>() > 0.0) || factor.get<double>() > 1.0) {
      return bad("partial_rotary_factor", "must be above 0 and at most 1");
    }
    rope_dims_ = static_cast<std::uint64_t>(factor.get<double>() * static_cast<double>(head_dim_));
    put(out_.architecture + ".rope.dimension_count", kU32, rope_dims_);
    return {};
  }

  Result<double> positive(const Json& object, const std::string& key) const {
    const Json value = object.value(key, Json());
    if (!value.is_number() || !(value.get<double>() > 0.0) || !std::isfinite(value.get<double>())) {
      return bad("rope_scaling." + key, "must be a positive number");
    }
    return value.get<double>();
  }

  [[nodiscard]] std::size_t n_pairs() const {
    return (rope_dims_ != 0 ? rope_dims_ : head_dim_) / 2;
  }

  // Wavelengths above original/low_freq_factor are stretched by `factor`, those below
  // original/high_freq_factor not at all, those between in proportion (Llama 3.1).
  Status llama3(const Json& scaling) {
    WATTLE_TRY(const double factor, positive(scaling, "factor"));
    WATTLE_TRY(const double low, positive(scaling, "low_freq_factor"));
    WATTLE_TRY(const double high, positive(scaling, "high_freq_factor"));
    WATTLE_TRY(const double original, positive(scaling, "original_max_position_embeddings"));
    if (high <= low) return bad("rope_scaling.high_freq_factor", "must be above low_freq_factor");
    for (std::size_t i = 0; i < n_pairs(); ++i) {
      const double exponent = 2.0 * static_cast<double>(i) / static_cast<double>(2 * n_pairs());
      const double wavelength = 2.0 * std::numbers::pi * std::pow(base_, exponent);
      const double smooth = std::clamp((original / wavelength - low) / (high - low), 0.0, 1.0);
      out_.rope_factors.push_back(static_cast<float>(1.0 / ((1.0 - smooth) / factor + smooth)));
    }
    return {};
  }

  Status longrope(const Json& scaling) {
    WATTLE_TRY(out_.rope_factors, factors(scaling, "short_factor"));
    WATTLE_TRY(out_.long_rope_factors, factors(scaling, "long_factor"));
    Json original = get("original_max_position_embeddings");
    if (original.is_null()) original = scaling.value("original_max_position_embeddings", Json());
    if (!original.is_number_unsigned() || original.get<std::uint64_t>() < 2 ||
        original.get<std::uint64_t>() > kLargest) {
      return bad("original_max_position_embeddings", "is missing or out of range");
    }
    const auto length = original.get<std::uint64_t>();
    put(out_.architecture + ".rope.scaling.original_context_length", kU32, length);
    // The magnitude of LongRoPE (Ding et al. 2024): √(1 + ln s / ln L) for s > 1.
    const double stretch = static_cast<double>(context_) / static_cast<double>(length);
    double magnitude = 1.0;
    if (stretch > 1.0) {
      magnitude = std::sqrt(1.0 + std::log(stretch) / std::log(static_cast<double>(length)));
    }
    if (!scaling.value("attention_factor", Json()).is_null()) {
      WATTLE_TRY(magnitude, positive(scaling, "attention_factor"));
    }
    if (magnitude != 1.0) {
      put(out_.architecture + ".rope.scaling.attn_factor", kF32, magnitude);
    }
    return {};
  }

  Result<std::vector<float>> factors(const Json& scaling, const std::string& key) const {
    const Json list = scaling.value(key, Json());
    if (!list.is_array() || list.size() != n_pairs()) {
      return bad("rope_scaling." + key, fmt::format("must be a list of {} numbers", n_pairs()));
    }
    std::vector<float> out;
    for (const Json& value : list) {
      if (!value.is_number())
        return bad("rope_scaling." + key, "holds something else than numbers");
      out.push_back(value.get<float>());
    }
    return out;
  }

  Status quantization() {
    const Json quantization = get("quantization_config");
    if (quantization.is_null()) return {};
    const std::string method = quantization.is_object() && quantization.contains("quant_method")
                                   ? dump_json(quantization["quant_method"])
                                   : "unknown";
    const Json version =
        quantization.is_object() ? quantization.value("version", Json("gemm")) : Json();
    const Json bits = quantization.is_object() ? quantization.value("bits", Json()) : Json();
    const Json group = quantization.is_object() ? quantization.value("group_size", Json()) : Json();
    if (method != "\"awq\"" || bits != Json(4) || !version.is_string() ||
        (version != Json("gemm") && version != Json("GEMM"))) {
      return bad("quantization_config",
                 fmt::format("is {}, {} bits, {}; AWQ of 4 bits in GEMM packing is read", method,
                             dump_json(bits), dump_json(version)),
                 ErrorCode::unsupported);
    }
    if (!group.is_number_unsigned() || group.get<std::uint64_t>() % 32 != 0 ||
        group.get<std::uint64_t>() == 0 || group.get<std::uint64_t>() > kLargest) {
      return bad("quantization_config.group_size", "must be a multiple of 32");
    }
    out_.awq = true;
    out_.awq_group = group.get<std::uint64_t>();
    return {};
  }

  const Json& config_;
  const std::string& source_;
  HfConfig out_;
  std::uint64_t d_model_ = 0, n_heads_ = 0, head_dim_ = 0, context_ = 0, rope_dims_ = 0;
  double base_ = 10000.0;
};

}  // namespace

Result<HfConfig> read_hf_config(const Json& config, const std::string& source) {
  return Reader(config, source).read();
}

}  // namespace wattle::engine
