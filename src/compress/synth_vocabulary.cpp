#include <fmt/format.h>

#include <string>
#include <string_view>

#include "compress/synth.hpp"

namespace wattle::compress {
namespace {

constexpr std::string_view kSpace = "\xE2\x96\x81";  // U+2581, how SentencePiece writes a space

enum TokenType : std::int32_t { kNormal = 1, kUnknown = 2, kControl = 3, kByte = 6 };

class Builder {
 public:
  explicit Builder(std::size_t n_tokens) : n_tokens_(n_tokens) {}

  void add(std::string token, TokenType type) {
    if (full()) return;
    // Earlier is better: SentencePiece's BPE scores are minus the rank of the merge.
    const float score = type == kNormal ? -static_cast<float>(vocabulary_.tokens.size()) : 0.0F;
    vocabulary_.tokens.push_back(std::move(token));
    vocabulary_.scores.push_back(score);
    vocabulary_.types.push_back(type);
  }
  [[nodiscard]] bool full() const { return vocabulary_.tokens.size() >= n_tokens_; }
  SynthVocabulary take() { return std::move(vocabulary_); }

 private:
  std::size_t n_tokens_;
  SynthVocabulary vocabulary_;
};

// Number `index` of the words of `length` letters, in alphabetical order.
std::string word(std::size_t index, std::size_t length) {
  std::string text(length, 'a');
  for (std::size_t i = length; i-- > 0; index /= 26) text[i] = static_cast<char>('a' + index % 26);
  return text;
}

}  // namespace

SynthVocabulary synth_vocabulary(std::size_t n_tokens) {
  Builder builder(n_tokens);
  builder.add("<unk>", kUnknown);
  builder.add("<s>", kControl);
  builder.add("</s>", kControl);
  for (int byte = 0; byte < 256; ++byte) builder.add(fmt::format("<0x{:02X}>", byte), kByte);
  builder.add(std::string(kSpace), kNormal);
  for (char c = '!'; c <= '~'; ++c) builder.add(std::string(1, c), kNormal);
  std::size_t n_words = 26;
  for (std::size_t length = 1; !builder.full(); ++length, n_words *= 26) {
    for (std::size_t i = 0; i < n_words && !builder.full(); ++i) {
      const std::string text = word(i, length);
      if (length > 1) builder.add(text, kNormal);  // single letters are there already
      builder.add(std::string(kSpace) + text, kNormal);
    }
  }
  return builder.take();
}

}  // namespace wattle::compress
