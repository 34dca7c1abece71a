#pragma once
// SentencePiece-style BPE (`tokenizer.ggml.model` "llama"): every space is U+2581, any two
// neighbouring pieces whose text is a token merge, the highest score first; characters without a
// token become byte tokens. Kudo & Richardson 2018.

#include <array>
#include <string>
#include <string_view>
#include <vector>

#include "engine/tokenizer/merge_symbols.hpp"
#include "engine/tokenizer/tokenizer_base.hpp"

namespace wattle::engine {

class ScoreBpe final : public TokenizerBase {
 public:
  // `vocabulary` has been checked.
  ScoreBpe(const Vocabulary& vocabulary, CheckedSpecials checked);

 private:
  struct Chunk;
  void encode_text(std::string_view text, bool begins, std::vector<TokenId>& tokens) const override;
  void merge_chunk(Chunk& chunk, std::vector<TokenId>& tokens) const;
  void append_bytes(std::string_view bytes, std::vector<TokenId>& tokens) const;
  [[nodiscard]] bool has_bytes(std::string_view bytes) const;
  [[nodiscard]] Merge find_merge(std::string_view text) const;

  TextToToken tokens_;                // ordinary tokens, with U+2581 for spaces
  std::vector<std::uint32_t> ranks_;  // [n_tokens], 0 is the highest score
  std::array<TokenId, 256> byte_tokens_{};
  std::size_t longest_token_ = 0;  // bytes
  bool adds_space_ = true;
  bool cuts_at_spaces_ = true;  // no token has U+2581 behind another character
};

}  // namespace wattle::engine
