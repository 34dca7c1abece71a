#include "engine/hf/hf_folder.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <array>
#include <cstring>
#include <map>
#include <optional>
#include <set>
#include <utility>

#include "base/atomic_file.hpp"
#include "base/json.hpp"
#include "engine/gguf_parser.hpp"
#include "engine/hf/awq.hpp"
#include "engine/hf/hf_config.hpp"
#include "engine/hf/safetensors.hpp"
#include "engine/quant.hpp"

namespace wattle::engine {
namespace {

constexpr std::size_t kMostConfigBytes = 16U << 20U;
constexpr std::size_t kMostFiles = 10'000;

struct Renamed {
  std::string_view from;
  std::string_view to;
};
constexpr auto kOutside = std::to_array<Renamed>(
    {{"model.embed_tokens", "token_embd"}, {"model.norm", "output_norm"}, {"lm_head", "output"}});
// Within model.layers.N; of two entries the one of the architecture (post norms or not) counts.
constexpr auto kInside = std::to_array<Renamed>({
    {"input_layernorm", "attn_norm"},
    {"self_attn.q_proj", "attn_q"},
    {"self_attn.k_proj", "attn_k"},
    {"self_attn.v_proj", "attn_v"},
    {"self_attn.qkv_proj", "attn_qkv"},
    {"self_attn.q_norm", "attn_q_norm"},
    {"self_attn.k_norm", "attn_k_norm"},
    {"self_attn.o_proj", "attn_output"},
    {"pre_feedforward_layernorm", "ffn_norm"},
    {"post_feedforward_layernorm", "post_ffw_norm"},
    {"mlp.gate_proj", "ffn_gate"},
    {"mlp.up_proj", "ffn_up"},
    {"mlp.gate_up_proj", "ffn_up"},
    {"mlp.down_proj", "ffn_down"},
});

// "model.layers.3.mlp.up_proj" → "blk.3.ffn_up"; nullopt: not a part that Wattle knows.
std::optional<std::string> gguf_name(std::string_view name, bool post_norms) {
  constexpr std::string_view kLayers = "model.layers.";
  if (!name.starts_with(kLayers)) {
    const auto* found = std::ranges::find(kOutside, name, &Renamed::from);
    if (found == kOutside.end()) return std::nullopt;
    return std::string(found->to);
  }
  name.remove_prefix(kLayers.size());
  const std::size_t dot = name.find('.');
  if (dot == std::string_view::npos) return std::nullopt;
  const std::string_view number = name.substr(0, dot);
  const std::string_view part = name.substr(dot + 1);
  if (part == "post_attention_layernorm") {
    return fmt::format("blk.{}.{}", number, post_norms ? "post_attention_norm" : "ffn_norm");
  }
  const auto* found = std::ranges::find(kInside, part, &Renamed::from);
  if (found == kInside.end()) return std::nullopt;
  return fmt::format("blk.{}.{}", number, found->to);
}

std::optional<TensorType> plain_type(SafetensorType type) {
  switch (type) {
    case SafetensorType::f32:
      return TensorType::f32;
    case SafetensorType::f16:
      return TensorType::f16;
    case SafetensorType::bf16:
      return TensorType::bf16;
    default:
      return std::nullopt;
  }
}

class FolderReader {
 public:
  explicit FolderReader(std::filesystem::path folder) : folder_(std::move(folder)) {}

  Result<GgufFile> read() {
    const auto path = folder_ / "config.json";
    WATTLE_TRY(const std::string text, read_file(path, kMostConfigBytes));
    WATTLE_TRY(const Json json, parse_json(text, path.string()));
    WATTLE_TRY(config_, read_hf_config(json, path.string()));
    WATTLE_CHECK(open_files());
    for (std::size_t i = 0; i < files_.size(); ++i) WATTLE_CHECK(take_file(i));
    WATTLE_CHECK(take_awq());
    take_rope_factors();
    WATTLE_CHECK(take_chat_templates());
    take_name();
    content_.source = folder_.string();
    content_.metadata = std::move(config_.metadata);
    return GgufFile::assemble(std::move(content_));
  }

 private:
  [[nodiscard]] std::unexpected<Error> bad(const std::string& why,
                                           ErrorCode code = ErrorCode::invalid_format) const {
    return fail(code, fmt::format("cannot use {}: {}", folder_.string(), why),
                code == ErrorCode::unsupported ? "Use a GGUF file of this model."
                                               : "Download all files of the model again.");
  }

  // The shards that the index names, or model.safetensors, or all there are.
  Status open_files() {
    std::set<std::string> names;
    const auto index = folder_ / "model.safetensors.index.json";
    if (std::filesystem::exists(index)) {
      WATTLE_TRY(const std::string text, read_file(index));
      WATTLE_TRY(const Json json, parse_json(text, index.string()));
      const Json map = json.is_object() ? json.value("weight_map", Json()) : Json();
      if (!map.is_object()) return bad("model.safetensors.index.json has no weight_map");
      for (const auto& [tensor, file] : map.items()) {
        const std::string name = file.is_string() ? file.get<std::string>() : "";
        if (name.empty() || name.find('/') != std::string::npos) {
          return bad(fmt::format("model.safetensors.index.json names no file for '{}'",
                                 printable(tensor)));
        }
        names.insert(name);
      }
    } else {
      std::error_code error;
      for (const auto& entry : std::filesystem::directory_iterator(folder_, error)) {
        if (entry.path().extension() == ".safetensors") {
          names.insert(entry.path().filename().string());
        }
      }
    }
    if (names.empty()) return bad("it holds no *.safetensors file");
    if (names.size() > kMostFiles) return bad(fmt::format("it holds {} files", names.size()));
    for (const std::string& name : names) {
      WATTLE_TRY(SafetensorsFile file, SafetensorsFile::open(folder_ / name));
      content_.parts.push_back({file.mapping(), file.bytes(), 0});
      files_.push_back(std::move(file));
    }
    return {};
  }

  Status take_file(std::size_t part) {
    for (const Safetensor& tensor : files_[part].tensors()) {
      if (tensor.name.ends_with("rotary_emb.inv_freq")) continue;
      const std::size_t dot = tensor.name.rfind('.');
      const std::string kind = dot == std::string::npos ? "" : tensor.name.substr(dot + 1);
      const auto name =
          gguf_name(std::string_view(tensor.name).substr(0, dot), config_.architecture == "gemma2");
      if (!name || kind.empty()) {
        return bad(fmt::format("tensor '{}' is not part of a {} model", printable(tensor.name),
                               config_.architecture),
                   ErrorCode::unsupported);
      }
      if (*name == "output" && config_.tied_output) continue;
      if (config_.awq && (kind == "qweight" || kind == "qzeros" || kind == "scales")) {
        awq_[*name][kind] = &tensor;
        continue;
      }
      WATTLE_CHECK(take_tensor(tensor, fmt::format("{}.{}", *name, kind), part));
    }
    return {};
  }

  Status take_tensor(const Safetensor& tensor, std::string name, std::size_t part) {
    const auto type = plain_type(tensor.type);
    if (!type) {
      return bad(fmt::format("tensor '{}' is of type {}", printable(tensor.name), tensor.type_name),
                 ErrorCode::unsupported);
    }
    TensorInfo info;
    info.name = std::move(name);
    info.type = *type;
    info.shape.assign(tensor.shape.rbegin(), tensor.shape.rend());
    info.n_elements = 1;
    for (const std::uint64_t n : info.shape) info.n_elements *= n;
    info.n_bytes = tensor.bytes.size();
    if (config_.norms_plus_one && info.name.ends_with("norm.weight")) {
      std::vector<float> values(info.n_elements);
      dequantize_row(*type, tensor.bytes, values);
      for (float& value : values) value += 1.0F;
      return add_values(info.name, values);
    }
    info.part = part;
    info.offset =
        static_cast<std::uint64_t>(tensor.bytes.data() - content_.parts[part].bytes.data());
    return add(std::move(info));
  }

  Status add(TensorInfo info) {
    if (!names_.insert(info.name).second) return bad(fmt::format("'{}' is there twice", info.name));
    content_.tensors.push_back(std::move(info));
    return {};
  }

  Status add_owned(TensorInfo info, std::vector<std::byte> bytes) {
    auto owned = std::make_shared<const std::vector<std::byte>>(std::move(bytes));
    info.n_bytes = owned->size();
    info.part = content_.parts.size();
    content_.parts.push_back({owned, *owned, 0});
    return add(std::move(info));
  }

  Status add_values(const std::string& name, const std::vector<float>& values) {
    std::vector<std::byte> bytes(values.size() * sizeof(float));
    if (!values.empty()) std::memcpy(bytes.data(), values.data(), bytes.size());
    TensorInfo info;
    info.name = name;
    info.shape = {values.size()};
    info.n_elements = values.size();
    return add_owned(std::move(info), std::move(bytes));
  }

  Status take_awq() {
    for (const auto& [name, parts] : awq_) {
      if (parts.size() != 3) return bad(fmt::format("'{}' lacks qweight, qzeros or scales", name));
      const Safetensor& weight = *parts.at("qweight");
      const Safetensor& zeros = *parts.at("qzeros");
      const Safetensor& scales = *parts.at("scales");
      const std::uint64_t group = config_.awq_group;
      const bool flat =
          weight.shape.size() == 2 && zeros.shape.size() == 2 && scales.shape.size() == 2;
      const std::uint64_t n_in = flat ? weight.shape[0] : 0;
      const std::uint64_t n_out = flat ? scales.shape[1] : 0;
      using Shape = std::vector<std::uint64_t>;
      if (!flat || n_in % group != 0 || n_out % 8 != 0 || weight.shape[1] != n_out / 8 ||
          zeros.shape != Shape{n_in / group, n_out / 8} || scales.shape[0] != n_in / group ||
          weight.type != SafetensorType::i32 || zeros.type != SafetensorType::i32 ||
          scales.type != SafetensorType::f16) {
        return bad(
            fmt::format("the AWQ tensors of '{}' do not fit each other (group {})", name, group));
      }
      TensorInfo info;
      info.name = name + ".weight";
      info.type = TensorType::q4_1;
      info.shape = {n_in, n_out};
      info.n_elements = n_in * n_out;
      WATTLE_CHECK(add_owned(std::move(info), awq_to_q4_1({n_in, n_out, group, weight.bytes,
                                                           zeros.bytes, scales.bytes})));
    }
    return {};
  }

  void take_rope_factors() {
    if (config_.rope_factors.empty()) return;
    const bool longrope = !config_.long_rope_factors.empty();
    static_cast<void>(add_values(longrope ? "rope_factors_short.weight" : "rope_freqs.weight",
                                 config_.rope_factors));
    if (longrope) {
      static_cast<void>(add_values("rope_factors_long.weight", config_.long_rope_factors));
    }
  }

  void put_text(const std::string& key, std::string text) {
    config_.metadata.emplace_back(
        key, GgufValue{static_cast<std::uint32_t>(GgufType::string), std::move(text)});
  }

  // chat_template.jinja goes before "chat_template" in tokenizer_config.json, which is a text or a
  // list of {"name", "template"}; the one called "default" is the main one.
  Status take_chat_templates() {
    const std::string key = "tokenizer.chat_template";
    std::error_code ignored;
    if (std::filesystem::exists(folder_ / "chat_template.jinja", ignored)) {
      WATTLE_TRY(auto text, read_file(folder_ / "chat_template.jinja", kMostConfigBytes));
      put_text(key, std::move(text));
      return {};
    }
    const auto path = folder_ / "tokenizer_config.json";
    if (!std::filesystem::exists(path, ignored)) return {};
    WATTLE_TRY(const std::string text, read_file(path, kMostConfigBytes));
    WATTLE_TRY(const Json json, parse_json(text, path.string()));
    const Json value = json.is_object() ? json.value("chat_template", Json()) : Json();
    if (value.is_string()) put_text(key, value.get<std::string>());
    if (!value.is_array()) return {};
    std::set<std::string> names;
    for (const Json& entry : value) {
      const Json name = entry.is_object() ? entry.value("name", Json()) : Json();
      const Json body = entry.is_object() ? entry.value("template", Json()) : Json();
      if (!name.is_string() || !body.is_string() || !names.insert(name.get<std::string>()).second) {
        return bad("a chat_template in tokenizer_config.json has no name or text of its own");
      }
      const bool main = name == Json("default");
      put_text(main ? key : key + "." + name.get<std::string>(), body.get<std::string>());
    }
    return {};
  }

  // config.json names the model at best by a path on somebody's disk.
  void take_name() {
    const auto named = std::ranges::find(config_.metadata, "general.name",
                                         [](const auto& entry) { return entry.first; });
    if (named != config_.metadata.end()) return;
    const auto folder = std::filesystem::absolute(folder_).lexically_normal();
    put_text("general.name",
             (folder.has_filename() ? folder : folder.parent_path()).filename().string());
  }

  std::filesystem::path folder_;
  HfConfig config_;
  std::vector<SafetensorsFile> files_;
  std::map<std::string, std::map<std::string, const Safetensor*>> awq_;
  std::set<std::string> names_;
  GgufContent content_;
};

}  // namespace

bool is_hf_folder(const std::filesystem::path& path) {
  std::error_code error;
  return std::filesystem::is_directory(path, error) &&
         std::filesystem::exists(path / "config.json", error);
}

Result<GgufFile> open_hf_folder(const std::filesystem::path& folder) {
  return FolderReader(folder).read();
}

}  // namespace wattle::engine
