#pragma once
// The texts of a vocabulary's tokens as a tree: tokens that begin alike share their way from the
// root. Built once for a tokenizer (Tokenizer::trie), immutable, shared.

#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "engine/tokenizer.hpp"

namespace wattle::engine {

class TokenTrie {
 public:
  // In preorder: a node's descendants are the nodes behind it up to `end`.
  struct Node {
    std::uint32_t end = 0;     // the first node that is no descendant
    std::uint32_t first = 0;   // position in tokens() of the first token at or below this node
    std::uint32_t depth = 0;   // bytes from the root
    std::uint32_t height = 0;  // bytes to the deepest descendant
    std::uint64_t bytes = 0;   // byte groups that occur below this node (byte_group)
    std::uint8_t byte = 0;     // the last byte of its text
  };

  explicit TokenTrie(const Tokenizer& tokenizer);

  // Node 0 is the root. One more stands behind the last, so that node[i + 1].first always exists.
  [[nodiscard]] std::span<const Node> nodes() const { return {nodes_.data(), nodes_.size() - 1}; }
  // Tokens whose text ends at a node; several may have the same text.
  [[nodiscard]] std::span<const TokenId> tokens_at(std::uint32_t node) const {
    return tokens(nodes_[node].first, nodes_[node + 1].first);
  }
  // Tokens at a node and all below it.
  [[nodiscard]] std::span<const TokenId> tokens_under(std::uint32_t node) const {
    return tokens(nodes_[node].first, nodes_[nodes_[node].end].first);
  }
  [[nodiscard]] std::uint32_t max_depth() const { return max_depth_; }
  // Ids are 0 … n_tokens − 1, also of tokens that have no text.
  [[nodiscard]] std::size_t n_tokens() const { return n_tokens_; }
  // "" for control and unknown tokens and those that end a generation: they are no text.
  [[nodiscard]] std::string_view text(TokenId token) const;
  // Tokens that end a generation, ascending.
  [[nodiscard]] std::span<const TokenId> end_tokens() const { return end_tokens_; }

  // ASCII bytes in groups below kCharacters, for summaries.
  [[nodiscard]] static std::uint32_t byte_group(std::uint8_t byte);
  // Bytes of well-formed characters of several bytes, perhaps cut off at the end.
  static constexpr std::uint32_t kCharacters = 62;
  // Other bytes, and all of a node that itself stands inside of a character.
  static constexpr std::uint32_t kOtherBytes = 63;

 private:
  [[nodiscard]] std::span<const TokenId> tokens(std::size_t begin, std::size_t end) const {
    return std::span(sorted_).subspan(begin, end - begin);
  }
  void build_nodes();
  void summarize();

  std::size_t n_tokens_;
  std::uint32_t max_depth_ = 0;
  std::vector<std::string> texts_;  // [n_tokens]
  std::vector<TokenId> sorted_;     // those that have a text, by text, then by id
  std::vector<TokenId> end_tokens_;
  std::vector<Node> nodes_;
};

}  // namespace wattle::engine
