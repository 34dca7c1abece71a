#include "engine/grammar/token_trie.hpp"

#include <algorithm>

namespace wattle::engine {
namespace {

std::size_t common_prefix(std::string_view a, std::string_view b) {
  return static_cast<std::size_t>(std::ranges::mismatch(a, b).in1 - a.begin());
}

// A place in UTF-8 text: between two characters, inside of one, or behind a wrong byte.
class Utf8Place {
 public:
  [[nodiscard]] bool between_characters() const { return n_left_ == 0 && !wrong_; }
  [[nodiscard]] bool is_wrong() const { return wrong_; }

  // The Unicode Standard, table 3-7.
  [[nodiscard]] Utf8Place behind(std::uint8_t byte) const {
    Utf8Place next;
    if (wrong_ || (n_left_ > 0 && (byte < low_ || byte > high_))) {
      next.wrong_ = true;
    } else if (n_left_ > 0) {
      next.n_left_ = static_cast<std::uint8_t>(n_left_ - 1);
    } else if (byte >= 0x80) {
      next.wrong_ = byte < 0xC2 || byte > 0xF4;
      next.n_left_ = byte < 0xE0 ? 1 : byte < 0xF0 ? 2 : 3;
      if (byte == 0xE0) next.low_ = 0xA0;
      if (byte == 0xED) next.high_ = 0x9F;
      if (byte == 0xF0) next.low_ = 0x90;
      if (byte == 0xF4) next.high_ = 0x8F;
    }
    return next;
  }

 private:
  bool wrong_ = false;
  std::uint8_t n_left_ = 0;  // bytes until the character is whole
  std::uint8_t low_ = 0x80;  // range of the next one
  std::uint8_t high_ = 0xBF;
};

}  // namespace

// Letters and digits in few groups; every other ASCII character, which grammars tell apart, in its
// own.
std::uint32_t TokenTrie::byte_group(std::uint8_t byte) {
  const std::uint32_t b = byte;
  if (b < 0x20) return b == '\n' ? 0 : b == '\t' ? 1 : 2;
  if (b < 0x30) return 3 + (b - 0x20);
  if (b <= '9') return 19;
  if (b < 'A') return 20 + (b - 0x3A);
  if (b <= 'Z') return b <= 'F' ? 27 : 28;
  if (b < 'a') return 29 + (b - 0x5B);
  if (b <= 'z') return b <= 'f' ? 35 : 36;
  return 37 + (b - 0x7B);
}

TokenTrie::TokenTrie(const Tokenizer& tokenizer) : n_tokens_(tokenizer.vocab_size()) {
  texts_.resize(n_tokens_);
  for (std::size_t i = 0; i < n_tokens_; ++i) {
    const auto id = static_cast<TokenId>(i);
    if (tokenizer.is_end_of_generation(id)) {
      end_tokens_.push_back(id);
      continue;
    }
    std::string text = tokenizer.piece(id);
    // Control tokens show nothing, unknown ones U+FFFD instead of their name.
    if (text != tokenizer.piece(id, true)) continue;
    texts_[i] = std::move(text);
    if (!texts_[i].empty()) sorted_.push_back(id);
  }
  std::ranges::sort(sorted_, [this](TokenId a, TokenId b) {
    const int order = text(a).compare(text(b));
    return order != 0 ? order < 0 : a < b;
  });
  build_nodes();
  summarize();
}

std::string_view TokenTrie::text(TokenId token) const {
  if (token < 0 || static_cast<std::size_t>(token) >= n_tokens_) return {};
  return texts_[static_cast<std::size_t>(token)];
}

void TokenTrie::build_nodes() {
  std::vector<std::uint32_t> path = {0};  // nodes from the root to the current one
  nodes_.push_back({});
  const auto close = [&](std::size_t depth) {
    for (; path.size() > depth + 1; path.pop_back()) {
      nodes_[path.back()].end = static_cast<std::uint32_t>(nodes_.size());
    }
  };
  std::string_view previous;
  for (std::size_t rank = 0; rank < sorted_.size(); ++rank) {
    const std::string_view now = text(sorted_[rank]);
    close(common_prefix(previous, now));
    for (std::size_t depth = path.size(); depth <= now.size(); ++depth) {
      path.push_back(static_cast<std::uint32_t>(nodes_.size()));
      nodes_.push_back({.first = static_cast<std::uint32_t>(rank),
                        .depth = static_cast<std::uint32_t>(depth),
                        .byte = static_cast<std::uint8_t>(now[depth - 1])});
    }
    max_depth_ = std::max(max_depth_, static_cast<std::uint32_t>(now.size()));
    previous = now;
  }
  close(0);
  nodes_[0].end = static_cast<std::uint32_t>(nodes_.size());
  nodes_.push_back({.first = static_cast<std::uint32_t>(sorted_.size())});
}

void TokenTrie::summarize() {
  std::vector<std::uint32_t> parents(nodes().size());
  std::vector<Utf8Place> places(nodes().size());
  std::vector<std::uint32_t> path = {0};
  for (std::uint32_t i = 1; i < nodes().size(); ++i) {
    path.resize(nodes_[i].depth);
    parents[i] = path.back();
    places[i] = places[parents[i]].behind(nodes_[i].byte);
    path.push_back(i);
  }
  for (std::size_t i = nodes().size(); i-- > 1;) {
    const Node& node = nodes_[i];
    Node& parent = nodes_[parents[i]];
    const std::uint32_t group = places[i].is_wrong() ? kOtherBytes
                                : node.byte < 0x80   ? byte_group(node.byte)
                                                     : kCharacters;
    parent.bytes |= node.bytes | std::uint64_t{1} << group;
    parent.height = std::max(parent.height, node.height + 1);
  }
  for (std::size_t i = 0; i < nodes().size(); ++i) {
    if (!places[i].between_characters()) nodes_[i].bytes |= std::uint64_t{1} << kOtherBytes;
  }
}

}  // namespace wattle::engine
