#pragma once
// Regular expressions over Unicode text, as pre-tokenizers need them. The library behind is named
// only in engine/platform/pcre2/ (docs/decisions/0001-pcre2-for-pre-tokenizers.md).

#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.hpp"

namespace wattle::engine {

// Immutable after compile(); one object may be used by several threads at once.
class Regex {
 public:
  // `\p{..}` are Unicode properties, `\s` is the property White_Space, `$` only the very end.
  static Result<Regex> compile(const std::string& pattern);

  // Appends what matches and what lies between matches to `pieces`, in order and without a gap.
  // `text` must be valid UTF-8. Work is bounded: text that exceeds the bound (none does with our
  // patterns) is appended as one last piece.
  void split(std::string_view text, std::vector<std::string_view>& pieces) const;

 private:
  struct Compiled;
  explicit Regex(std::shared_ptr<const Compiled> compiled) : compiled_(std::move(compiled)) {}
  std::shared_ptr<const Compiled> compiled_;
};

}  // namespace wattle::engine
