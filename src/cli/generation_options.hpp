#pragma once
// The options that `wattle run` and `wattle chat` share: which model, how deep, how to choose.

#include <CLI/CLI.hpp>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "engine/generate.hpp"
#include "meter/inference_record.hpp"

namespace wattle::cli {

struct GenerationOptions {
  std::string model;
  std::uint32_t context = 0;
  std::string kv = "f16";
  int threads = 0;
  int decode_threads = 0;
  bool exact = false;
  std::string repack = "all";
  bool json = false;
  std::optional<float> exit_entropy;
  std::optional<float> exit_margin;
  std::string exit_confidence;  // UPPER or UPPER:LOWER:LAYERS
  std::string exit_kv = "propagate";
  std::string speculate;    // self:E, self:E:K, lookup or lookup:K
  std::string grammar;      // GBNF file
  std::string json_schema;  // file, or the schema itself
  bool json_mode = false;
  std::vector<std::string> logit_bias;  // ID=VALUE
  engine::GenerateOptions generate;
};

void add_generation_options(CLI::App& command, GenerationOptions& options);
// What the options say about exits, speculation, biases and grammar, in engine terms; reads the
// grammar's file.
[[nodiscard]] Result<engine::GenerateOptions> generate_options(const GenerationOptions& options);

// "f16", "f32" or "i8".
[[nodiscard]] engine::KvType kv_type(const std::string& name);

// --repack; what it says is "all", "blocks" or "none".
void add_repack_option(CLI::App& command, std::string& repack);
[[nodiscard]] engine::Repack repack_of(const std::string& name);

struct OpenModel {
  std::shared_ptr<const engine::Model> model;
  std::unique_ptr<engine::Session> session;
};
[[nodiscard]] Result<OpenModel> open_model(const GenerationOptions& options);

// Prints text to standard output as it is generated, and keeps the tokens.
class StreamingObserver final : public engine::GenerateObserver {
 public:
  explicit StreamingObserver(bool print) : print_(print) {}
  bool token(const engine::GeneratedToken& token, std::string_view text) override;
  void text_rest(std::string_view text) override;
  void decode_end() override;
  [[nodiscard]] const std::vector<engine::GeneratedToken>& tokens() const { return tokens_; }

 private:
  void print(std::string_view text) const;
  bool print_;
  std::vector<engine::GeneratedToken> tokens_;
};

// "12 + 40 tokens, ttft 81 ms, prefill 148.1 tok/s, decode 61.2 tok/s, 0.52 J gross, 0.013 J/token
// (not measured: all cores, 5–15 W), stop: end_of_text"
[[nodiscard]] std::string cost_line(const meter::InferenceRecord& record, std::uint32_t n_layers);

}  // namespace wattle::cli
