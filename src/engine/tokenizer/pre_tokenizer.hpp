#pragma once
// Cuts text into the words inside which byte-level BPE merges: the patterns behind
// `tokenizer.ggml.pre`. docs/formats/tokenizer.md lists them.

#include <string>
#include <string_view>
#include <vector>

#include "base/result.hpp"
#include "engine/tokenizer/regex.hpp"

namespace wattle::engine {

class PreTokenizer {
 public:
  // unsupported, with the names that are known, if `pre` is none of them; `source` names the file.
  static Result<PreTokenizer> by_name(const std::string& pre, const std::string& source);

  [[nodiscard]] static std::vector<std::string_view> known_names();

  // The words of `text` in order, without a gap. Any bytes: each run of invalid UTF-8 is a word.
  [[nodiscard]] std::vector<std::string_view> split(std::string_view text) const;

  // A word that is a token as a whole is taken so, whatever the merges say (Llama 3).
  [[nodiscard]] bool whole_words_first() const { return whole_words_first_; }

 private:
  std::vector<Regex> steps_;  // each cuts the pieces of the one before
  bool whole_words_first_ = false;
};

}  // namespace wattle::engine
