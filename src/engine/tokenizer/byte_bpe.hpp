#pragma once
// Byte-level BPE (`tokenizer.ggml.model` "gpt2"): a pre-tokenizer cuts the text into words; inside
// a word, bytes merge pair by pair in the order of the list of merges. Radford et al. 2019.

#include <string_view>
#include <vector>

#include "engine/tokenizer/pair_table.hpp"
#include "engine/tokenizer/pre_tokenizer.hpp"
#include "engine/tokenizer/tokenizer_base.hpp"

namespace wattle::engine {

class ByteBpe final : public TokenizerBase {
 public:
  // `vocabulary` has been checked.
  ByteBpe(const Vocabulary& vocabulary, CheckedSpecials checked, PreTokenizer pre_tokenizer);

 private:
  // Symbols 0 to 255 are the bytes; the others are whatever tokens and merges are made of.
  std::uint32_t intern(const std::string& bytes);
  void add_tokens(const Vocabulary& vocabulary);
  void add_merges(const Vocabulary& vocabulary);
  void encode_text(std::string_view text, bool begins, std::vector<TokenId>& tokens) const override;
  void encode_word(std::string_view word, MergeWorkspace& workspace,
                   std::vector<TokenId>& tokens) const;
  void append_without_token(std::string_view bytes, std::vector<TokenId>& tokens) const;

  PreTokenizer pre_tokenizer_;
  std::unordered_map<std::string, std::uint32_t, TextHash, std::equal_to<>> symbols_;
  std::vector<TokenId> token_of_symbol_;  // -1: only a step on the way to longer ones
  PairTable merges_;
  std::vector<TokenId> replacement_;  // what stands for a byte without a token
};

}  // namespace wattle::engine
