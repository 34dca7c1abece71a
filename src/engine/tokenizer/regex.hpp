#pragma once
// Regular expressions over Unicode text, as pre-tokenizers need them. The library behind is named
// only in engine/platform/pcre2/ (docs/decisions/0001-pcre2-for-pre-tokenizers.md).

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.hpp"

namespace wattle::engine {

// Bytes [begin, end) of a text.
struct Span {
  std::size_t begin = 0;
  std::size_t end = 0;
  friend bool operator==(const Span&, const Span&) = default;
};

// What matching may still cost, in the library's steps. A pattern that comes with a file may need
// more than any text is worth; one budget for all of a text keeps the whole in bounds.
struct RegexBudget {
  std::uint64_t steps = 0;
  static RegexBudget for_text(std::size_t n_bytes) { return {10'000'000 + 64 * n_bytes}; }
};

// Immutable after compile(); one object may be used by several threads at once.
class Regex {
 public:
  // `\p{..}` are Unicode properties, `\s` is the property White_Space, `$` only the very end.
  static Result<Regex> compile(const std::string& pattern);

  // Appends what matches and what lies between matches to `pieces`, in order and without a gap.
  // `text` must be valid UTF-8. Work is bounded: text that exceeds the bound (none does with our
  // patterns) is appended as one last piece.
  void split(std::string_view text, std::vector<std::string_view>& pieces) const;

  // All matches from left to right, also empty ones where they do not touch the match before.
  // `text` must be valid UTF-8. Where the budget is used up, nothing matches any more.
  [[nodiscard]] std::vector<Span> find_all(std::string_view text, RegexBudget& budget) const;

 private:
  struct Compiled;
  explicit Regex(std::shared_ptr<const Compiled> compiled) : compiled_(std::move(compiled)) {}
  std::shared_ptr<const Compiled> compiled_;
};

}  // namespace wattle::engine
