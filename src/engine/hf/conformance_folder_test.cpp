// The reference models written as Hugging Face folders: every architecture's names, order of rows
// and settings, against the reference logits.
#include <fmt/format.h>
#include <gtest/gtest.h>

#include "base/test_folder.hpp"
#include "engine/hf/test_hf_folder.hpp"
#include "engine/test_conformance.hpp"

namespace wattle::engine {
namespace {

class ConformanceFolder : public testing::Test {
 protected:
  void SetUp() override {
    if (!std::filesystem::exists(conformance_folder())) {
      GTEST_SKIP() << "no reference data at " << conformance_folder()
                   << "; WATTLE_SHARED names the folder that it is in";
    }
  }

  void open(const std::string& name) {
    file_ = GgufFile::open(conformance_folder() / (name + ".gguf")).value();
    const std::string arch = file_.require_string("general.architecture").value();
    const auto count = [&](const char* key) {
      return file_.get_uint(arch + "." + key).value().value();
    };
    config_ = {{"model_type", arch},
               {"num_hidden_layers", count("block_count")},
               {"hidden_size", count("embedding_length")},
               {"intermediate_size", count("feed_forward_length")},
               {"num_attention_heads", count("attention.head_count")},
               {"num_key_value_heads", count("attention.head_count_kv")},
               {"head_dim", count("embedding_length") / count("attention.head_count")},
               {"max_position_embeddings", count("context_length")},
               {"rope_theta", file_.get_float(arch + ".rope.freq_base").value().value()},
               {"tie_word_embeddings", file_.find_tensor("output.weight") == nullptr}};
    const auto epsilon = file_.get_float(arch + ".attention.layer_norm_rms_epsilon").value();
    if (epsilon) config_["rms_norm_eps"] = *epsilon;
  }

  void expect_reference(const std::string& name, std::uint32_t context = 0) {
    const Deviation d = deviation(folder_.path(), name, true, context);
    EXPECT_LE(d.largest, 2e-3);
    EXPECT_LE(d.nmse, 1e-6);
    EXPECT_LE(deviation(folder_.path(), name, false, context).nmse, 5e-6);
  }

  GgufFile file_;
  Json config_;
  TestFolder folder_;
};

TEST_F(ConformanceFolder, Llama) {
  open("llama");
  write_hf_folder(file_, config_, folder_.path());
  expect_reference("llama");
}

TEST_F(ConformanceFolder, Qwen2) {
  open("qwen2");
  config_["sliding_window"] = 8;  // named, and not used
  config_["use_sliding_window"] = false;
  write_hf_folder(file_, config_, folder_.path());
  expect_reference("qwen2");
}

TEST_F(ConformanceFolder, Qwen3) {
  open("qwen3");
  write_hf_folder(file_, config_, folder_.path());
  expect_reference("qwen3");
}

// Fused projections.
void phi3_names(HfTensor& tensor) {
  for (const auto& [from, to] : {std::pair("attn_qkv", "self_attn.qkv_proj"),
                                 std::pair("mlp.up_proj", "mlp.gate_up_proj")}) {
    const std::size_t at = tensor.name.find(from);
    if (at != std::string::npos) tensor.name.replace(at, std::string(from).size(), to);
  }
}

TEST_F(ConformanceFolder, Phi3) {
  open("phi3");
  write_hf_folder(file_, config_, folder_.path(), phi3_names);
  expect_reference("phi3");
}

TEST_F(ConformanceFolder, Phi3Longrope) {
  open("phi3-longrope");
  Json scaling = {{"type", "longrope"}, {"attention_factor", 1.19}};
  write_hf_folder(file_, config_, folder_.path(), [&](HfTensor& tensor) {
    phi3_names(tensor);
    if (!tensor.name.starts_with("rope_factors")) return;
    scaling[tensor.name.contains("long") ? "long_factor" : "short_factor"] = tensor.values;
    tensor.name.clear();
  });
  config_["original_max_position_embeddings"] = 512;
  config_["rope_scaling"] = scaling;
  folder_.write("config.json", dump_json(config_));
  expect_reference("phi3-longrope-short", 512);
  expect_reference("phi3-longrope-long", 2048);
}

// Norms are stored without their 1.
TEST_F(ConformanceFolder, Gemma) {
  open("gemma");
  write_hf_folder(file_, config_, folder_.path(), [](HfTensor& tensor) {
    if (!tensor.name.contains("norm")) return;
    for (float& value : tensor.values) value -= 1.0F;
  });
  expect_reference("gemma");
}

TEST_F(ConformanceFolder, StableLm) {
  open("stablelm");
  config_["layer_norm_eps"] =
      file_.get_float("stablelm.attention.layer_norm_epsilon").value().value();
  config_["partial_rotary_factor"] = 0.25;
  config_["use_parallel_residual"] = false;
  write_hf_folder(file_, config_, folder_.path());
  expect_reference("stablelm");
}

}  // namespace
}  // namespace wattle::engine
