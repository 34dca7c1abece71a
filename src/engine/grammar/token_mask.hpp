#pragma once
// A set of tokens: one bit for each of a vocabulary.

#include <bit>
#include <cstdint>
#include <optional>
#include <span>
#include <vector>

#include "engine/tokenizer.hpp"

namespace wattle::engine {

class TokenMask {
 public:
  explicit TokenMask(std::size_t n_tokens = 0)
      : n_tokens_(n_tokens), words_((n_tokens + 63) / 64) {}

  [[nodiscard]] std::size_t n_tokens() const { return n_tokens_; }
  [[nodiscard]] bool test(TokenId token) const {
    const auto i = static_cast<std::size_t>(token);
    return i < n_tokens_ && (words_[i / 64] >> (i % 64) & 1U) != 0;
  }
  void set(TokenId token) {
    const auto i = static_cast<std::size_t>(token);
    words_[i / 64] |= std::uint64_t{1} << (i % 64);
  }
  void clear() { words_.assign(words_.size(), 0); }
  [[nodiscard]] std::size_t count() const {
    std::size_t n = 0;
    for (const std::uint64_t word : words_) n += static_cast<std::size_t>(std::popcount(word));
    return n;
  }
  // [n_tokens / 64, rounded up]; bits beyond the last token are 0.
  [[nodiscard]] std::span<std::uint64_t> words() { return words_; }
  [[nodiscard]] std::span<const std::uint64_t> words() const { return words_; }

  template <class Visit>
  void each(const Visit& visit) const {
    for (std::size_t w = 0; w < words_.size(); ++w) {
      for (std::uint64_t left = words_[w]; left != 0; left &= left - 1) {
        visit(static_cast<TokenId>(w * 64 + static_cast<std::size_t>(std::countr_zero(left))));
      }
    }
  }
  // The token of the set with the largest logit, the lowest id among equals; none if the set is
  // empty. Logits that are not numbers count as the smallest.
  [[nodiscard]] std::optional<TokenId> argmax(std::span<const float> logits) const;

  bool operator==(const TokenMask&) const = default;

 private:
  std::size_t n_tokens_;
  std::vector<std::uint64_t> words_;
};

}  // namespace wattle::engine
