#include "engine/tokenizer/huggingface/normalizer.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>

#include "engine/tokenizer/huggingface/pattern.hpp"
#include "engine/tokenizer/utf8.hpp"

namespace wattle::engine::huggingface {
namespace {

constexpr std::size_t kMostSteps = 64;

std::optional<NormalForm> normal_form_named(std::string_view name) {
  if (name == "NFC") return NormalForm::nfc;
  if (name == "NFD") return NormalForm::nfd;
  if (name == "NFKC") return NormalForm::nfkc;
  if (name == "NFKD") return NormalForm::nfkd;
  return std::nullopt;
}

std::string strip(std::string_view text, bool left, bool right) {
  if (left) text.remove_prefix(leading_white_space(text));
  if (right) text.remove_suffix(trailing_white_space(text));
  return std::string(text);
}

}  // namespace

Result<Normalizer> Normalizer::read(const std::optional<Place>& place) {
  Normalizer normalizer;
  if (place) WATTLE_CHECK(normalizer.read_step(*place));
  return normalizer;
}

Status Normalizer::read_step(const Place& place) {
  WATTLE_TRY(const auto type, place.string_member("type"));
  if (type == "Sequence") {
    WATTLE_TRY(const auto list, place.member("normalizers"));
    WATTLE_TRY(const auto parts, list.elements(kMostSteps));
    for (const Place& part : parts) WATTLE_CHECK(read_step(part));
    return {};
  }
  if (steps_.size() == kMostSteps) {
    return place.fail(ErrorCode::unsupported, fmt::format("is one of more than {}", kMostSteps));
  }
  if (const auto form = normal_form_named(type)) {
    steps_.emplace_back(*form);
  } else if (type == "Prepend") {
    WATTLE_TRY(const auto text, place.string_member("prepend"));
    steps_.emplace_back(Prepend{std::string(text)});
  } else if (type == "Replace") {
    WATTLE_TRY(const auto pattern_place, place.member("pattern"));
    WATTLE_TRY(auto pattern, read_pattern(pattern_place));
    WATTLE_TRY(const auto content, place.string_member("content"));
    steps_.emplace_back(Replace{std::move(pattern), std::string(content)});
  } else if (type == "Lowercase") {
    steps_.emplace_back(Lowercase{});
  } else if (type == "Strip") {
    WATTLE_TRY(const auto left, place.bool_member("strip_left", true));
    WATTLE_TRY(const auto right, place.bool_member("strip_right", true));
    steps_.emplace_back(Strip{left, right});
  } else if (type == "StripAccents") {
    steps_.emplace_back(StripAccents{});
  } else {
    return place.unknown_type(type, {"Sequence", "NFC", "NFD", "NFKC", "NFKD", "Prepend", "Replace",
                                     "Lowercase", "Strip", "StripAccents"});
  }
  return {};
}

std::string Normalizer::apply(std::string text, bool continues) const {
  const std::size_t limit = 64 * text.size() + 4096;
  RegexBudget budget = RegexBudget::for_text(text.size());
  for (const Step& step : steps_) {
    if (const auto* form = std::get_if<NormalForm>(&step)) {
      text = to_normal_form(text, *form);
    } else if (const auto* prepend = std::get_if<Prepend>(&step)) {
      if (!text.empty() && !continues) text.insert(0, prepend->text);
    } else if (const auto* replace = std::get_if<Replace>(&step)) {
      text = replace_all(text, replace->pattern, replace->content, limit, budget);
    } else if (std::holds_alternative<Lowercase>(step)) {
      text = to_lower_case(text);
    } else if (const auto* ends = std::get_if<Strip>(&step)) {
      text = strip(text, ends->left, ends->right);
    } else {
      text = without_marks(text);
    }
  }
  return text;
}

}  // namespace wattle::engine::huggingface
