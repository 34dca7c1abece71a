#include "engine/tokenizer/huggingface/post_processor.hpp"

#include <fmt/format.h>

#include <limits>

namespace wattle::engine::huggingface {
namespace {

constexpr std::size_t kMostParts = 64;

Result<std::vector<TokenId>> read_ids(const Place& place) {
  std::vector<TokenId> ids;
  WATTLE_TRY(const auto elements, place.elements(kMostParts));
  for (const Place& element : elements) {
    WATTLE_TRY(const auto id, element.as_number(std::numeric_limits<TokenId>::max()));
    ids.push_back(static_cast<TokenId>(id));
  }
  return ids;
}

// {"SpecialToken": {"id": "<s>"}} → the ids that "special_tokens" gives for it.
Result<std::vector<TokenId>> read_special(const Place& processor, const Place& part) {
  WATTLE_TRY(const auto name, part.string_member("id"));
  WATTLE_TRY(const auto known, processor.member("special_tokens"));
  WATTLE_TRY(const auto entry, known.member(name));
  WATTLE_TRY(const auto ids, entry.member("ids"));
  return read_ids(ids);
}

Result<SurroundingTokens> read_template(const Place& place) {
  SurroundingTokens around;
  WATTLE_TRY(const auto single, place.member("single"));
  WATTLE_TRY(const auto parts, single.elements(kMostParts));
  bool behind = false;
  for (const Place& part : parts) {
    WATTLE_TRY(const auto special, part.find("SpecialToken"));
    if (special) {
      WATTLE_TRY(const auto ids, read_special(place, *special));
      auto& list = behind ? around.behind : around.before;
      list.insert(list.end(), ids.begin(), ids.end());
      continue;
    }
    WATTLE_TRY(const auto sequence, part.member("Sequence"));
    WATTLE_TRY(const auto name, sequence.string_member("id"));
    if (name != "A" || behind) {
      return part.fail(ErrorCode::unsupported, "is not the one place of the text, 'A'",
                       "Choose another model");
    }
    behind = true;
  }
  if (!behind) return single.fail(ErrorCode::invalid_format, "has no place for the text");
  return around;
}

// One processor inside the next.
Status add(const Place& place, SurroundingTokens& around, std::size_t& n_left) {
  if (n_left-- == 0) {
    return place.fail(ErrorCode::unsupported, fmt::format("is one of more than {}", kMostParts));
  }
  WATTLE_TRY(const auto type, place.string_member("type"));
  if (type == "ByteLevel") return {};
  if (type == "Sequence") {
    WATTLE_TRY(const auto list, place.member("processors"));
    WATTLE_TRY(const auto parts, list.elements(kMostParts));
    for (const Place& part : parts) WATTLE_CHECK(add(part, around, n_left));
    return {};
  }
  if (type != "TemplateProcessing") {
    return place.unknown_type(type, {"TemplateProcessing", "ByteLevel", "Sequence"});
  }
  WATTLE_TRY(const auto outer, read_template(place));
  around.before.insert(around.before.begin(), outer.before.begin(), outer.before.end());
  around.behind.insert(around.behind.end(), outer.behind.begin(), outer.behind.end());
  return {};
}

}  // namespace

Result<SurroundingTokens> read_post_processor(const std::optional<Place>& place) {
  SurroundingTokens around;
  std::size_t n_left = kMostParts;
  if (place) WATTLE_CHECK(add(*place, around, n_left));
  return around;
}

}  // namespace wattle::engine::huggingface
