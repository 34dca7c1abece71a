#include "learn/encoder.hpp"

#include <fmt/format.h>

namespace wattle::learn {
namespace {
constexpr std::string_view kSpace = "▁";
constexpr std::size_t kCacheLimit = 100'000;

std::size_t character_bytes(unsigned char first) {
  if (first < 0x80) return 1;
  if (first < 0xE0) return 2;
  return first < 0xF0 ? 3 : 4;
}
}  // namespace

Encoder::Encoder(const Vocabulary& vocabulary) : scores_(vocabulary.scores) {
  for (std::size_t i = 0; i < vocabulary.size(); ++i) {
    const std::string& token = vocabulary.tokens[i];
    ids_.emplace(token, static_cast<std::int32_t>(i));
    const bool space = token.starts_with(kSpace);
    text_bytes_.push_back(vocabulary.types[i] == TokenType::byte
                              ? 1
                              : token.size() - (space ? kSpace.size() - 1 : 0));
  }
}

std::vector<std::int32_t> Encoder::encode(std::string_view text) {
  std::vector<std::int32_t> out;
  std::size_t begin = 0;
  while (begin <= text.size()) {
    const std::size_t end = std::min(text.find(' ', begin), text.size());
    const std::string word = fmt::format("{}{}", kSpace, text.substr(begin, end - begin));
    auto found = cache_.find(word);
    if (found == cache_.end()) {
      if (cache_.size() >= kCacheLimit) cache_.clear();
      found = cache_.emplace(word, encode_word(word)).first;
    }
    out.insert(out.end(), found->second.begin(), found->second.end());
    begin = end + 1;
  }
  return out;
}

std::vector<std::int32_t> Encoder::encode_word(std::string_view word) const {
  std::vector<std::string> parts;
  for (std::size_t i = 0; i < word.size();) {
    const std::size_t n = character_bytes(static_cast<unsigned char>(word[i]));
    parts.emplace_back(word.substr(i, n));
    i += n;
  }
  for (;;) {  // merge the best pair, the leftmost of equals
    std::size_t best = parts.size();
    float best_score = 0.0F;
    for (std::size_t i = 0; i + 1 < parts.size(); ++i) {
      const auto found = ids_.find(parts[i] + parts[i + 1]);
      if (found == ids_.end()) continue;
      const float score = scores_[static_cast<std::size_t>(found->second)];
      if (best == parts.size() || score > best_score) {
        best = i;
        best_score = score;
      }
    }
    if (best == parts.size()) break;
    parts[best] += parts[best + 1];
    parts.erase(parts.begin() + static_cast<std::ptrdiff_t>(best) + 1);
  }
  std::vector<std::int32_t> out;
  for (const std::string& part : parts) {
    const auto found = ids_.find(part);
    if (found != ids_.end()) {
      out.push_back(found->second);
      continue;
    }
    for (const char byte : part) {
      out.push_back(ids_.at(fmt::format("<0x{:02X}>", static_cast<unsigned char>(byte))));
    }
  }
  return out;
}

}  // namespace wattle::learn
