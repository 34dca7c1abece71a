#pragma once
// Text to token ids while training: BPE by score, one word at a time with a cache. Gives what
// engine::Tokenizer gives for the exported file (a test compares them).

#include <cstdint>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "learn/vocabulary.hpp"

namespace wattle::learn {

class Encoder {
 public:
  explicit Encoder(const Vocabulary& vocabulary);
  // Ids of " " + text, without BOS and EOS.
  [[nodiscard]] std::vector<std::int32_t> encode(std::string_view text);
  // Bytes of running text that a token stands for.
  [[nodiscard]] std::size_t text_bytes(std::int32_t token) const {
    return text_bytes_[static_cast<std::size_t>(token)];
  }

 private:
  [[nodiscard]] std::vector<std::int32_t> encode_word(std::string_view word) const;
  std::unordered_map<std::string, std::int32_t> ids_;
  std::vector<float> scores_;
  std::vector<std::size_t> text_bytes_;
  std::unordered_map<std::string, std::vector<std::int32_t>> cache_;
};

}  // namespace wattle::learn
