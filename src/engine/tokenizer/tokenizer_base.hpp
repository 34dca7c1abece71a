#pragma once
// What both tokenizers share: special tokens around and inside the text, and the way back.

#include <string>
#include <string_view>
#include <vector>

#include "engine/tokenizer/special_splitter.hpp"
#include "engine/tokenizer/vocabulary.hpp"

namespace wattle::engine {

// Longer words are merged in blocks of this many bytes, so that positions fit 32 bits.
inline constexpr std::size_t kLongestWord = std::size_t{1} << 28;

class TokenizerBase : public Tokenizer {
 public:
  [[nodiscard]] std::vector<TokenId> encode(std::string_view text,
                                            const EncodeOptions& options) const final;
  [[nodiscard]] std::string piece(TokenId token, bool show_special) const final;
  [[nodiscard]] std::string decode(std::span<const TokenId> tokens, bool show_special) const final;
  [[nodiscard]] std::size_t vocab_size() const final { return pieces_.size(); }
  [[nodiscard]] const SpecialTokens& special() const final { return checked_.special; }
  [[nodiscard]] bool is_end_of_generation(TokenId token) const final;

 protected:
  // `vocabulary` has been checked; `pieces` [n_tokens] are the bytes of each token in running text,
  // or its name if it is a control or unknown token.
  TokenizerBase(const Vocabulary& vocabulary, CheckedSpecials checked,
                std::vector<std::string> pieces);

  // Appends the tokens of text without special tokens. `begins` says that the text is the first, or
  // stands behind a special token.
  virtual void encode_text(std::string_view text, bool begins,
                           std::vector<TokenId>& tokens) const = 0;

 private:
  [[nodiscard]] std::string_view piece_view(TokenId token, bool show_special) const;
  // Tokens that are cut out of the text so that plain text begins anew behind them.
  [[nodiscard]] bool separates(TokenId token) const;
  [[nodiscard]] TokenKind kind(TokenId token) const {
    return kinds_[static_cast<std::size_t>(token)];
  }

  CheckedSpecials checked_;
  std::vector<std::string> pieces_;
  std::vector<TokenKind> kinds_;
  SpecialSplitter splitter_;
  bool removes_extra_spaces_ = false;
  bool begins_behind_user_defined_ = true;
  bool adds_space_ = false;  // encode_text() puts a space before text that begins
};

}  // namespace wattle::engine
