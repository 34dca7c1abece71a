#include "engine/tokenizer/huggingface/decoder.hpp"

#include <fmt/format.h>

#include "engine/tokenizer/byte_alphabet.hpp"
#include "engine/tokenizer/huggingface/pattern.hpp"
#include "engine/tokenizer/utf8.hpp"
#include "engine/tokenizer/vocabulary.hpp"

namespace wattle::engine::huggingface {
namespace {

constexpr std::size_t kMostSteps = 64;
constexpr std::int64_t kMostStripped = 1'000'000;

Result<std::string_view> character_member(const Place& place, std::string_view key) {
  WATTLE_TRY(const auto member, place.member(key));
  WATTLE_TRY(const auto text, member.as_string());
  if (text.empty() || utf8_length(text) != text.size()) {
    return member.fail(ErrorCode::invalid_format, "is not one character");
  }
  return text;
}

std::string without(std::string_view text, std::string_view character, std::string_view instead) {
  std::string result;
  std::size_t done = 0;
  for (std::size_t at = text.find(character); at != std::string_view::npos;
       at = text.find(character, done)) {
    result += text.substr(done, at - done);
    result += instead;
    done = at + character.size();
  }
  result += text.substr(done);
  return result;
}

std::string stripped(std::string_view text, std::string_view character, std::size_t start,
                     std::size_t stop) {
  for (; start > 0 && text.starts_with(character); --start) text.remove_prefix(character.size());
  for (; stop > 0 && text.ends_with(character); --stop) text.remove_suffix(character.size());
  return std::string(text);
}

}  // namespace

Result<Decoder> Decoder::read(const std::optional<Place>& place) {
  Decoder decoder;
  decoder.joins_by_spaces_ = !place;
  if (place) WATTLE_CHECK(decoder.read_step(*place));
  return decoder;
}

Status Decoder::read_step(const Place& place) {
  WATTLE_TRY(const auto type, place.string_member("type"));
  if (type == "Sequence") {
    WATTLE_TRY(const auto list, place.member("decoders"));
    WATTLE_TRY(const auto parts, list.elements(kMostSteps));
    for (const Place& part : parts) WATTLE_CHECK(read_step(part));
    return {};
  }
  if (steps_.size() >= kMostSteps) {
    return place.fail(ErrorCode::unsupported, fmt::format("is one of more than {}", kMostSteps));
  }
  if (type == "ByteLevel") {
    steps_.emplace_back(ByteLevel{});
  } else if (type == "ByteFallback") {
    steps_.emplace_back(ByteFallback{});
  } else if (type == "Fuse") {
    steps_.emplace_back(Fuse{});
  } else if (type == "Replace") {
    WATTLE_TRY(const auto pattern_place, place.member("pattern"));
    WATTLE_TRY(auto pattern, read_pattern(pattern_place));
    WATTLE_TRY(const auto content, place.string_member("content"));
    steps_.emplace_back(Replace{std::move(pattern), std::string(content)});
  } else if (type == "Strip") {
    Strip strip;
    WATTLE_TRY(strip.content, character_member(place, "content"));
    WATTLE_TRY(const auto start, place.member("start"));
    WATTLE_TRY(const auto stop, place.member("stop"));
    WATTLE_TRY(const auto n_start, start.as_number(kMostStripped));
    WATTLE_TRY(const auto n_stop, stop.as_number(kMostStripped));
    strip.start = static_cast<std::size_t>(n_start);
    strip.stop = static_cast<std::size_t>(n_stop);
    steps_.emplace_back(std::move(strip));
  } else if (type == "Metaspace") {
    Metaspace metaspace;
    WATTLE_TRY(metaspace.replacement, character_member(place, "replacement"));
    WATTLE_TRY(const bool add_prefix_space, place.bool_member("add_prefix_space", true));
    WATTLE_TRY(const auto scheme, place.find("prepend_scheme"));
    metaspace.drops_first = add_prefix_space && !(scheme && scheme->value() == "never");
    steps_.emplace_back(std::move(metaspace));
  } else {
    return place.unknown_type(
        type, {"Sequence", "ByteLevel", "ByteFallback", "Fuse", "Replace", "Strip", "Metaspace"});
  }
  return {};
}

void Decoder::apply(const Step& step, TokenText& token, bool is_first) {
  std::string& text = token.text;
  if (std::holds_alternative<ByteLevel>(step)) {
    if (token.is_added) return;
    if (auto bytes = bytes_of_token(text)) text = std::move(*bytes);
  } else if (std::holds_alternative<ByteFallback>(step)) {
    if (const auto byte = byte_of_name(text)) text.assign(1, static_cast<char>(*byte));
  } else if (const auto* replace = std::get_if<Replace>(&step)) {
    if (utf8_valid_prefix(text) != text.size()) return;
    RegexBudget budget = RegexBudget::for_text(text.size());
    text = replace_all(text, replace->pattern, replace->content, 64 * text.size() + 4096, budget);
  } else if (const auto* strip = std::get_if<Strip>(&step)) {
    text = stripped(text, strip->content, strip->start, strip->stop);
  } else if (const auto* metaspace = std::get_if<Metaspace>(&step)) {
    text = without(text, metaspace->replacement, is_first && metaspace->drops_first ? "" : " ");
  }
}

std::string Decoder::decode(std::vector<TokenText> tokens) const {
  const auto join = [&](std::string_view between) {
    TokenText whole;
    for (std::size_t i = 0; i < tokens.size(); ++i) {
      if (i > 0) whole.text += between;
      whole.text += tokens[i].text;
    }
    tokens.clear();
    tokens.push_back(std::move(whole));
  };
  for (const Step& step : steps_) {
    if (std::holds_alternative<Fuse>(step)) {
      join("");
    } else {
      for (std::size_t i = 0; i < tokens.size(); ++i) apply(step, tokens[i], i == 0);
    }
    if (std::holds_alternative<ByteLevel>(step)) join("");
  }
  join(joins_by_spaces_ ? " " : "");
  return std::move(tokens[0].text);
}

std::string Decoder::piece(TokenText token) const {
  bool is_whole = false;  // later steps work on the text as a whole
  for (const Step& step : steps_) {
    const bool at_ends_only = std::holds_alternative<Strip>(step);
    if (!(is_whole && at_ends_only)) apply(step, token, false);
    is_whole |= std::holds_alternative<Fuse>(step) || std::holds_alternative<ByteLevel>(step);
  }
  return std::move(token.text);
}

}  // namespace wattle::engine::huggingface
