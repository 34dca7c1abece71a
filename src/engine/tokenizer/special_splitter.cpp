#include "engine/tokenizer/special_splitter.hpp"

namespace wattle::engine {
namespace {

std::uint64_t edge(std::uint32_t node, char byte) {
  return static_cast<std::uint64_t>(node) << 8 | static_cast<std::uint8_t>(byte);
}

bool is_ascii_space(char c) {
  return c == ' ' || (c >= '\t' && c <= '\r');
}

}  // namespace

void SpecialSplitter::add(std::string_view text, SpecialText special) {
  if (text.empty()) return;
  first_bytes_[static_cast<std::uint8_t>(text[0])] = true;
  std::uint32_t node = 0;
  for (const char byte : text) {
    const auto [found, added] =
        edges_.try_emplace(edge(node, byte), static_cast<std::uint32_t>(nodes_.size()));
    if (added) nodes_.emplace_back();
    node = found->second;
  }
  if (nodes_[node].token < 0) nodes_[node] = special;
}

SpecialSplitter::Match SpecialSplitter::longest_match(std::string_view text,
                                                      bool parse_special) const {
  Match best;
  if (text.empty() || !first_bytes_[static_cast<std::uint8_t>(text[0])]) return best;
  std::uint32_t node = 0;
  for (std::size_t i = 0; i < text.size(); ++i) {
    const auto next = edges_.find(edge(node, text[i]));
    if (next == edges_.end()) break;
    node = next->second;
    const SpecialText& special = nodes_[node];
    if (special.token >= 0 && (parse_special || special.always)) best = {&special, i + 1};
  }
  return best;
}

std::vector<Fragment> SpecialSplitter::split(std::string_view text, bool parse_special) const {
  std::vector<Fragment> fragments;
  std::size_t begin = 0;  // of the plain text not yet given away
  const auto end_plain_text = [&](std::size_t end) {
    if (end > begin) fragments.push_back({text.substr(begin, end - begin), -1});
  };
  std::size_t at = 0;
  while (at < text.size()) {
    const Match match = longest_match(text.substr(at), parse_special);
    if (match.special == nullptr) {
      ++at;
      continue;
    }
    end_plain_text(at);
    fragments.push_back({text.substr(at, match.n_bytes), match.special->token});
    at += match.n_bytes;
    if (parse_special && match.special->strip_after) {
      while (at < text.size() && is_ascii_space(text[at])) ++at;
    }
    begin = at;
  }
  end_plain_text(text.size());
  return fragments;
}

}  // namespace wattle::engine
