#pragma once
// tokenizer.json as a Tokenizer: added tokens → normaliser → added tokens → pre-tokenizer → BPE,
// and the decoder for the way back.

#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "engine/tokenizer/huggingface/added_tokens.hpp"
#include "engine/tokenizer/huggingface/bpe_model.hpp"
#include "engine/tokenizer/huggingface/decoder.hpp"
#include "engine/tokenizer/huggingface/normalizer.hpp"
#include "engine/tokenizer/huggingface/post_processor.hpp"
#include "engine/tokenizer/huggingface/pre_tokenizer.hpp"
#include "engine/tokenizer_files.hpp"

namespace wattle::engine::huggingface {

// The parts of a file, each read and checked for itself.
struct Parts {
  Normalizer normalizer;
  PreTokenizer pre_tokenizer;
  BpeModel model;
  Decoder decoder;
  std::vector<AddedToken> added;
  SurroundingTokens around;
};

// What to_special_tokens() finds out; all ids are in the vocabulary.
struct Specials {
  SpecialTokens tokens;
  SurroundingTokens around;
  std::vector<TokenId> end_of_generation;  // sorted
};

class JsonTokenizer final : public Tokenizer {
 public:
  // `tokens` [n_tokens]: the vocabulary and the added tokens by id.
  JsonTokenizer(Parts parts, std::vector<TokenText> tokens, Specials specials);

  [[nodiscard]] std::vector<TokenId> encode(std::string_view text,
                                            const EncodeOptions& options) const override;
  [[nodiscard]] std::string piece(TokenId token, bool show_special) const override;
  [[nodiscard]] std::string decode(std::span<const TokenId> tokens,
                                   bool show_special) const override;
  [[nodiscard]] std::size_t vocab_size() const override { return tokens_.size(); }
  [[nodiscard]] const SpecialTokens& special() const override { return specials_.tokens; }
  [[nodiscard]] bool is_end_of_generation(TokenId token) const override;

 private:
  // Between raw added tokens; any bytes.
  void encode_fragment(std::string_view text, bool at_start, bool parse_special,
                       std::vector<TokenId>& tokens) const;
  void encode_valid(std::string_view text, Position position, bool parse_special,
                    std::vector<TokenId>& tokens) const;
  void encode_words(std::string text, Position position, std::vector<TokenId>& tokens) const;
  void encode_invalid_byte(std::uint8_t byte, std::vector<TokenId>& tokens) const;
  [[nodiscard]] bool is_hidden(TokenId token, bool show_special) const;

  Normalizer normalizer_;
  PreTokenizer pre_tokenizer_;
  BpeModel model_;
  Decoder decoder_;
  AddedTokens added_;
  std::vector<TokenText> tokens_;
  std::vector<bool> is_special_;  // [n_tokens]
  Specials specials_;
};

}  // namespace wattle::engine::huggingface
