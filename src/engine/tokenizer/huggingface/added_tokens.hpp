#pragma once
// The "added_tokens" of tokenizer.json: cut out of the text as a whole, before (or, if
// "normalized", behind) the normaliser.

#include <string>
#include <string_view>
#include <vector>

#include "engine/tokenizer/huggingface/normalizer.hpp"
#include "engine/tokenizer/huggingface/place.hpp"
#include "engine/tokenizer/special_splitter.hpp"

namespace wattle::engine::huggingface {

struct AddedToken {
  TokenId id = -1;
  std::string content;
  bool special = false;      // hidden when decoded; in plain text only if the caller asks for it
  bool normalized = false;   // looked for in normalised text
  bool single_word = false;  // only where no word character is next to it
  bool lstrip = false;       // takes the white space before it, too
  bool rstrip = false;       // takes the white space behind it, too
};

// Errors name the place: an id or text that is missing or wrong.
[[nodiscard]] Result<std::vector<AddedToken>> read_added_tokens(const Place& file);

class AddedTokens {
 public:
  AddedTokens(std::vector<AddedToken> tokens, const Normalizer& normalizer);

  // Cuts text that has not been normalised, respectively has been, at the tokens that are looked
  // for there: from left to right, at each place the longest.
  [[nodiscard]] std::vector<Fragment> split_raw(std::string_view text, bool parse_special) const {
    return split(raw_, text, parse_special);
  }
  [[nodiscard]] std::vector<Fragment> split_normalized(std::string_view text,
                                                       bool parse_special) const {
    return split(normalized_, text, parse_special);
  }
  [[nodiscard]] const std::vector<AddedToken>& tokens() const { return tokens_; }

 private:
  // `SpecialText::token` is the index into tokens_ here, not the id.
  [[nodiscard]] std::vector<Fragment> split(const SpecialSplitter& splitter, std::string_view text,
                                            bool parse_special) const;

  std::vector<AddedToken> tokens_;
  SpecialSplitter raw_;
  SpecialSplitter normalized_;
};

}  // namespace wattle::engine::huggingface
