#pragma once
// The "model" of tokenizer.json, of the type BPE: the characters of a word are tokens, and pairs of
// neighbours merge in the order of the list of merges. Sennrich et al. 2016.

#include <array>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "engine/tokenizer/huggingface/document.hpp"
#include "engine/tokenizer/huggingface/place.hpp"
#include "engine/tokenizer/pair_table.hpp"
#include "engine/tokenizer/vocabulary.hpp"

namespace wattle::engine::huggingface {

class BpeModel {
 public:
  // Takes the vocabulary and the merges out of `document`. `place` is its "model". unsupported,
  // with what would do instead, for other types.
  static Result<BpeModel> read(Document& document, const Place& place);

  // Appends the tokens of one word of the pre-tokenizer, which is valid UTF-8. A character that is
  // no token becomes the byte tokens of its UTF-8 (byte_fallback), or else the unknown token, or
  // else nothing.
  void encode(std::string_view word, MergeWorkspace& workspace, std::vector<TokenId>& tokens) const;

  // The token of one byte as byte_fallback has it, "<0x41>"; nullopt without byte_fallback.
  [[nodiscard]] std::optional<TokenId> byte_token(std::uint8_t byte) const;

  [[nodiscard]] std::optional<TokenId> find(std::string_view token) const;
  [[nodiscard]] std::optional<TokenId> unknown() const { return unknown_; }
  // [n_tokens]: by id; "" where an id is not used. To be taken once; encoding does not need them.
  [[nodiscard]] std::vector<std::string> take_tokens() { return std::move(tokens_); }

 private:
  BpeModel() = default;
  Status read_options(const Place& place);
  Status take_vocabulary(Document& document, const Place& place);
  Status take_merges(Document& document, const Place& place);
  void find_characters();
  [[nodiscard]] std::optional<TokenId> find_character(std::string_view character) const;
  void append_symbols(std::string_view word, MergeWorkspace& workspace) const;
  void encode_block(std::string_view word, MergeWorkspace& workspace,
                    std::vector<TokenId>& tokens) const;

  std::vector<std::string> tokens_;
  TextToToken ids_;
  PairTable merges_{0};
  std::vector<TokenId> characters_;  // [code point]: the token of a character below U+0800, or -1
  std::array<TokenId, 256> byte_tokens_{};  // -1: no such token
  std::optional<TokenId> unknown_;
  bool byte_fallback_ = false;
  bool fuse_unknown_ = false;
  bool ignore_merges_ = false;
};

}  // namespace wattle::engine::huggingface
