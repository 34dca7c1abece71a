#pragma once
// For tests: a test model's GGUF file written as the folder of a Hugging Face model.

#include <fmt/format.h>

#include <filesystem>
#include <fstream>
#include <functional>
#include <string>
#include <vector>

#include "base/json.hpp"
#include "engine/hf/test_safetensors.hpp"
#include "engine/quant.hpp"
#include "engine/test_model.hpp"

namespace wattle::engine {

// "blk.0.ffn_norm.weight" → "model.layers.0.post_attention_layernorm.weight". With `post_norms`, as
// in Gemma 2, norms stand behind the branches, too.
inline std::string hf_name(std::string name, bool post_norms = false) {
  const auto replace = [&](std::string_view from, std::string_view to) {
    const std::size_t at = name.find(from);
    if (at != std::string::npos) name.replace(at, from.size(), to);
  };
  replace("token_embd", "model.embed_tokens");
  replace("output_norm", "model.norm");
  if (name.starts_with("output.")) replace("output", "lm_head");
  replace("blk.", "model.layers.");
  replace("post_attention_norm", "post_attention_layernorm");
  replace("post_ffw_norm", "post_feedforward_layernorm");
  replace("attn_norm", "input_layernorm");
  replace("ffn_norm", post_norms ? "pre_feedforward_layernorm" : "post_attention_layernorm");
  replace("attn_output", "self_attn.o_proj");
  for (const char* part : {"q", "k", "v"}) {
    replace(fmt::format("attn_{}_norm", part), fmt::format("self_attn.{}_norm", part));
    replace(fmt::format("attn_{}.", part), fmt::format("self_attn.{}_proj.", part));
  }
  for (const char* part : {"gate", "up", "down"}) {
    replace(fmt::format("ffn_{}", part), fmt::format("mlp.{}_proj", part));
  }
  return name;
}

// Rows of each head from the order of pairs (0, 1), (2, 3) … to halves: what GGUF has at 2i and
// 2i + 1 is at i and i + head_dim/2 in Hugging Face's order.
inline std::vector<float> half_rows(const std::vector<float>& rows, std::size_t n_cols,
                                    std::size_t head_dim) {
  std::vector<float> out(rows.size());
  for (std::size_t row = 0; row < rows.size() / n_cols; ++row) {
    const std::size_t head = row / head_dim * head_dim;
    const std::size_t pair = row % head_dim / 2;
    const std::size_t to = head + pair + (row % 2 == 0 ? 0 : head_dim / 2);
    for (std::size_t c = 0; c < n_cols; ++c) out[to * n_cols + c] = rows[row * n_cols + c];
  }
  return out;
}

// The tokenizer of the test model, with "▁" for one of its words, without which the two formats
// disagree about spaces.
inline constexpr std::size_t kSpaceToken = 259;
inline void add_space_token(TestModel& model) {
  std::vector<std::string> tokens = {"<unk>", "<s>", "</s>"};
  for (int byte = 0; byte < 256; ++byte) tokens.push_back(fmt::format("<0x{:02X}>", byte));
  for (std::size_t i = tokens.size(); i < model.shape().n_vocab; ++i) {
    tokens.push_back(i == kSpaceToken ? "\xE2\x96\x81" : fmt::format("p{}", i));
  }
  model.writer().set_strings("tokenizer.ggml.tokens", std::move(tokens));
}
inline Json hf_test_tokenizer(std::size_t n_vocab) {
  Json vocabulary = {{"<unk>", 0}, {"<s>", 1}, {"</s>", 2}};
  std::size_t id = 3;
  for (int byte = 0; byte < 256; ++byte) vocabulary[fmt::format("<0x{:02X}>", byte)] = id++;
  for (; id < n_vocab; ++id) {
    vocabulary[id == kSpaceToken ? "\xE2\x96\x81" : fmt::format("p{}", id)] = id;
  }
  Json added = Json::array();
  for (const auto& [content, number] : {std::pair("<unk>", 0), {"<s>", 1}, {"</s>", 2}}) {
    added.push_back({{"id", number}, {"content", content}, {"special", true}});
  }
  return {
      {"added_tokens", std::move(added)},
      {"normalizer",
       {{"type", "Sequence"},
        {"normalizers",
         {{{"type", "Prepend"}, {"prepend", "\xE2\x96\x81"}},
          {{"type", "Replace"}, {"pattern", {{"String", " "}}}, {"content", "\xE2\x96\x81"}}}}}},
      {"pre_tokenizer", nullptr},
      {"post_processor",
       {{"type", "TemplateProcessing"},
        {"single",
         {{{"SpecialToken", {{"id", "<s>"}, {"type_id", 0}}}},
          {{"Sequence", {{"id", "A"}, {"type_id", 0}}}}}},
        {"pair", Json::array()},
        {"special_tokens", {{"<s>", {{"id", "<s>"}, {"ids", {1}}, {"tokens", {"<s>"}}}}}}}},
      {"decoder",
       {{"type", "Sequence"},
        {"decoders",
         {{{"type", "Replace"}, {"pattern", {{"String", "\xE2\x96\x81"}}}, {"content", " "}},
          {{"type", "ByteFallback"}},
          {{"type", "Fuse"}},
          {{"type", "Strip"}, {"content", " "}, {"start", 1}, {"stop", 0}}}}}},
      {"model",
       {{"type", "BPE"},
        {"unk_token", "<unk>"},
        {"byte_fallback", true},
        {"fuse_unk", true},
        {"vocab", std::move(vocabulary)},
        {"merges", Json::array()}}}};
}

// config.json of a model of this shape.
inline Json hf_test_config(const std::string& model_type, const TestShape& shape) {
  return {{"model_type", model_type},
          {"num_hidden_layers", shape.n_layers},
          {"hidden_size", shape.d_model},
          {"intermediate_size", shape.d_ff},
          {"num_attention_heads", shape.n_heads},
          {"num_key_value_heads", shape.n_kv_heads},
          {"head_dim", shape.head_dim},
          {"max_position_embeddings", shape.context},
          {"rms_norm_eps", 1e-5},
          {"rope_theta", 10000.0},
          {"tie_word_embeddings", shape.tied}};
}

// What stands in a folder's safetensors for one tensor of a GGUF file.
struct HfTensor {
  std::string name;
  std::vector<float> values;
};
// `paired`: queries and keys are in GGUF's order of pairs (llama).
inline HfTensor hf_tensor(const GgufFile& file, const TensorInfo& tensor, bool paired,
                          std::size_t head_dim) {
  HfTensor out{hf_name(tensor.name), std::vector<float>(tensor.n_elements)};
  dequantize_row(tensor.type, file.tensor_bytes(tensor), out.values);
  if (paired &&
      (tensor.name.ends_with("attn_q.weight") || tensor.name.ends_with("attn_k.weight"))) {
    out.values = half_rows(out.values, tensor.shape[0], head_dim);
  }
  return out;
}

// `config` is that of the GGUF model; folder gets model.safetensors, config.json, tokenizer.json.
inline void write_hf_folder(const GgufFile& file, const Json& config,
                            const std::filesystem::path& folder,
                            const std::function<void(HfTensor&)>& change = {}) {
  const auto text = [&](const char* name, const std::string& content) {
    std::ofstream(folder / name, std::ios::binary) << content;
  };
  const bool paired = config["model_type"] == "llama";
  TestSafetensors weights;
  for (const TensorInfo& tensor : file.tensors()) {
    HfTensor out = hf_tensor(file, tensor, paired, config["head_dim"].get<std::size_t>());
    if (change) change(out);
    const std::vector<std::uint64_t> dims(tensor.shape.rbegin(), tensor.shape.rend());
    if (!out.name.empty()) weights.add(out.name, "F32", dims, out.values);
  }
  weights.write(folder / "model.safetensors");
  text("config.json", dump_json(config));
  text("tokenizer.json",
       dump_json(hf_test_tokenizer(file.find_tensor("token_embd.weight")->shape[1])));
  text("generation_config.json", R"({"eos_token_id": 2, "bos_token_id": 1})");
}

// `gguf` holds a TestModel of this shape, a llama model in F32.
inline void write_hf_llama(const std::filesystem::path& gguf, const TestShape& shape,
                           const std::filesystem::path& folder) {
  write_hf_folder(GgufFile::open(gguf).value(), hf_test_config("llama", shape), folder);
}

}  // namespace wattle::engine
