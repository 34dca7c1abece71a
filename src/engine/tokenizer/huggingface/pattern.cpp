#include "engine/tokenizer/huggingface/pattern.hpp"

#include "engine/tokenizer/oniguruma_pattern.hpp"

namespace wattle::engine::huggingface {

Result<Regex> read_pattern(const Place& place) {
  constexpr const char* kRemedy = "Use a GGUF file of the same model, or choose another model";
  WATTLE_TRY(const auto literal, place.find("String"));
  if (literal) {
    WATTLE_TRY(const auto text, literal->as_string());
    auto regex = Regex::compile(literal_pattern(text));
    if (!regex)
      return literal->fail(regex.error().code, "cannot be used: " + regex.error().what, kRemedy);
    return regex;
  }
  WATTLE_TRY(const auto pattern, place.member("Regex"));
  WATTLE_TRY(const auto text, pattern.as_string());
  const auto translated = from_oniguruma(text);
  if (!translated) {
    return pattern.fail(translated.error().code, "cannot be used: " + translated.error().what,
                        kRemedy);
  }
  auto regex = Regex::compile(*translated);
  if (!regex)
    return pattern.fail(ErrorCode::unsupported, "cannot be used: " + regex.error().what, kRemedy);
  return regex;
}

std::string replace_all(std::string_view text, const Regex& pattern, std::string_view content,
                        std::size_t limit, RegexBudget& budget) {
  std::string result;
  std::size_t done = 0;
  for (const Span match : pattern.find_all(text, budget)) {
    if (result.size() + content.size() + (text.size() - done) > limit) break;
    result += text.substr(done, match.begin - done);
    result += content;
    done = match.end;
  }
  result += text.substr(done);
  return result;
}

}  // namespace wattle::engine::huggingface
