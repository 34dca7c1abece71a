#include "learn/evaluate.hpp"

#include <fmt/format.h>

#include <algorithm>

#include "base/json.hpp"
#include "engine/generate.hpp"

namespace wattle::learn {
namespace {
constexpr std::uint32_t kMaxAnswerTokens = 48;  // the longest right answer has about 30

Result<SuiteCase> parse_case(std::string_view line, const std::string& place) {
  WATTLE_TRY(const Json object, parse_json(line, place));
  const auto text = [](const Json& from, const char* key) {
    const auto found = from.is_object() ? from.find(key) : from.end();
    return found != from.end() && found->is_string() ? found->get<std::string>() : std::string();
  };
  const Json expect = object.is_object() ? object.value("expect", Json()) : Json();
  SuiteCase made{text(object, "id"), text(object, "text"), text(expect, "status"),
                 text(expect, "sensor"), text(expect, "cause")};
  if (made.text.empty() || made.status.empty() || made.sensor.empty() || made.cause.empty()) {
    return fail(
        ErrorCode::invalid_format,
        fmt::format("{}: a case needs text and expect with status, sensor and cause", place),
        "make a suite with wattle train --make-prompts");
  }
  return made;
}

Result<LayerScore> score_layer(engine::Session& session, std::span<const SuiteCase> cases,
                               std::uint32_t layer, const std::function<bool()>& next) {
  LayerScore score{.layer = layer};
  double tokens = 0.0;
  for (const SuiteCase& item : cases) {
    if (!next()) return fail(ErrorCode::cancelled, "evaluation stopped");
    session.rewind(0);
    engine::GenerateOptions options;
    options.max_tokens = kMaxAnswerTokens;
    options.exit.layer = layer;
    const auto prompt = session.model().tokenizer().encode(item.text, {});
    WATTLE_TRY(const auto answer, engine::generate(session, prompt, options));
    score.status += contains_text(answer.text, item.status) ? 1.0 : 0.0;
    score.sensor_cause +=
        contains_text(answer.text, item.sensor) && contains_text(answer.text, item.cause) ? 1.0
                                                                                          : 0.0;
    for (const auto& token : answer.tokens) score.entropy_nats += double{token.entropy_nats};
    tokens += static_cast<double>(answer.tokens.size());
  }
  const auto n = static_cast<double>(cases.size());
  score.status /= n;
  score.sensor_cause /= n;
  score.entropy_nats /= std::max(1.0, tokens);
  score.answer_tokens = tokens / n;
  return score;
}
}  // namespace

bool contains_text(std::string_view answer, std::string_view expected) {
  const auto lower = [](char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c + 32) : c; };
  return !std::ranges::search(answer, expected, {}, lower, lower).empty() || expected.empty();
}

Result<std::vector<SuiteCase>> parse_cases(std::string_view jsonl, const std::string& source) {
  std::vector<SuiteCase> cases;
  for (std::size_t line = 1; !jsonl.empty(); ++line) {
    const std::size_t end = std::min(jsonl.find('\n'), jsonl.size());
    const std::string_view text = jsonl.substr(0, end);
    jsonl.remove_prefix(std::min(end + 1, jsonl.size()));
    if (text.find_first_not_of(" \t\r") == std::string_view::npos) continue;
    WATTLE_TRY(SuiteCase made, parse_case(text, fmt::format("{} line {}", source, line)));
    cases.push_back(std::move(made));
  }
  if (cases.empty()) {
    return fail(ErrorCode::invalid_format, source + " has no cases",
                "make a suite with wattle train --make-prompts");
  }
  return cases;
}

Result<std::vector<LayerScore>> evaluate(
    std::shared_ptr<const engine::Model> model, std::span<const SuiteCase> cases,
    std::span<const std::uint32_t> layers,
    const std::function<bool(std::size_t, std::size_t)>& on_progress) {
  WATTLE_TRY(const auto session, engine::Session::create(std::move(model)));
  std::size_t done = 0;
  const auto next = [&] {
    return !on_progress || on_progress(done++, layers.size() * cases.size());
  };
  std::vector<LayerScore> scores;
  for (const std::uint32_t layer : layers) {
    WATTLE_TRY(const LayerScore score, score_layer(*session, cases, layer, next));
    scores.push_back(score);
  }
  return scores;
}

}  // namespace wattle::learn
