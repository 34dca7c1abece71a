#include "engine/tokenizer/huggingface/split.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>

namespace wattle::engine::huggingface {
namespace {

struct Piece {
  Span span;
  bool is_match = false;
};

std::vector<Piece> pieces_of(std::size_t n_bytes, std::span<const Span> matches, bool invert) {
  std::vector<Piece> pieces;
  std::size_t done = 0;
  for (const Span match : matches) {
    if (match.begin > done) pieces.push_back({{done, match.begin}, invert});
    pieces.push_back({match, !invert});
    done = match.end;
  }
  if (done < n_bytes) pieces.push_back({{done, n_bytes}, invert});
  return pieces;
}

// A piece joins the one before it if `joins(before, piece)`.
template <class Joins>
std::vector<Span> joined(const std::vector<Piece>& pieces, const Joins& joins) {
  std::vector<Span> spans;
  const Piece* before = nullptr;
  for (const Piece& piece : pieces) {
    if (before != nullptr && joins(*before, piece)) {
      spans.back().end = piece.span.end;
    } else {
      spans.push_back(piece.span);
    }
    before = &piece;
  }
  return spans;
}

}  // namespace

Result<Behavior> read_behavior(const Place& place, std::optional<Behavior> fallback) {
  constexpr std::array<std::pair<std::string_view, Behavior>, 5> kNames = {{
      {"Removed", Behavior::removed},
      {"Isolated", Behavior::isolated},
      {"MergedWithPrevious", Behavior::merged_with_previous},
      {"MergedWithNext", Behavior::merged_with_next},
      {"Contiguous", Behavior::contiguous},
  }};
  WATTLE_TRY(const auto member, place.find("behavior"));
  if (!member && fallback) return *fallback;
  WATTLE_TRY(const auto name, place.string_member("behavior"));
  for (const auto& [known, behavior] : kNames) {
    if (name == known) return behavior;
  }
  return member->fail(ErrorCode::unsupported,
                      fmt::format("is '{}', known are Removed, Isolated, MergedWithPrevious, "
                                  "MergedWithNext and Contiguous",
                                  name));
}

void cut(std::size_t n_bytes, std::span<const Span> matches, Behavior behavior, bool invert,
         std::vector<Span>& parts) {
  const auto pieces = pieces_of(n_bytes, matches, invert);
  const auto spans = joined(pieces, [&](const Piece& before, const Piece& piece) {
    switch (behavior) {
      case Behavior::removed:
      case Behavior::isolated:
        return false;
      case Behavior::merged_with_previous:
        return piece.is_match && !before.is_match;
      case Behavior::merged_with_next:
        return before.is_match && !piece.is_match;
      case Behavior::contiguous:
        return before.is_match == piece.is_match;
    }
    return false;
  });
  if (behavior == Behavior::removed) {
    for (const Piece& piece : pieces) {
      if (!piece.is_match && piece.span.end > piece.span.begin) parts.push_back(piece.span);
    }
    return;
  }
  std::ranges::copy_if(spans, std::back_inserter(parts),
                       [](Span span) { return span.end > span.begin; });
}

}  // namespace wattle::engine::huggingface
