#pragma once
// Cuts text at special tokens: from left to right, at each place the longest.

#include <cstdint>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "engine/tokenizer.hpp"

namespace wattle::engine {

struct Fragment {
  std::string_view text;  // never empty
  TokenId token = -1;     // ≥ 0: `text` is this token
};

struct SpecialText {
  TokenId token = -1;
  bool always = false;       // also where the caller did not ask to parse special tokens
  bool strip_after = false;  // white space behind it is dropped (only if the caller asked)
};

class SpecialSplitter {
 public:
  // An empty text is ignored; of two equal texts the first one counts.
  void add(std::string_view text, SpecialText special);
  [[nodiscard]] std::vector<Fragment> split(std::string_view text, bool parse_special) const;

  // The longest special text that `text` begins with; special == nullptr: none.
  struct Match {
    const SpecialText* special = nullptr;
    std::size_t n_bytes = 0;
  };
  [[nodiscard]] Match longest_match(std::string_view text, bool parse_special) const;

 private:
  // A trie: nodes by number, edges by (node, byte).
  std::vector<SpecialText> nodes_{1};
  std::unordered_map<std::uint64_t, std::uint32_t> edges_;
  std::vector<bool> first_bytes_ = std::vector<bool>(256);
};

}  // namespace wattle::engine
