#include "lab/suite.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <span>
#include <unordered_map>

#include "base/atomic_file.hpp"
#include "base/fs_root.hpp"
#include "base/json.hpp"
#include "base/sha256.hpp"
#include "lab/nearest.hpp"

namespace wattle::lab {
namespace {

constexpr std::size_t kSuiteLimitBytes = 256U << 20;

std::unexpected<Error> bad_line(const std::string& place, const std::string& what) {
  return fail(ErrorCode::invalid_format, fmt::format("{}: {}", place, what),
              "A prompt is {\"id\": …, \"text\": …, \"expect\": {…}}, one on each line");
}

Status read_expect(const Json& expect, const std::string& place, Prompt& prompt) {
  if (!expect.is_object()) return bad_line(place, "'expect' must be an object of texts");
  for (const auto& [name, value] : expect.items()) {
    if (!value.is_string() || value.get_ref<const std::string&>().empty()) {
      return bad_line(place, fmt::format("'expect.{}' must be a text that is not empty", name));
    }
    prompt.expect.emplace_back(name, value.get<std::string>());
  }
  return {};
}

Result<Prompt> parse_prompt(std::string_view line, const std::string& place, std::size_t number) {
  WATTLE_TRY(const Json json, parse_json(line, place));
  if (!json.is_object()) return bad_line(place, "not a JSON object");
  Prompt prompt{fmt::format("line-{}", number), {}, {}};
  for (const auto& [key, value] : json.items()) {
    if (key == "expect") {
      WATTLE_CHECK(read_expect(value, place, prompt));
    } else if (key == "id" || key == "text" || key == "template") {
      if (!value.is_string()) return bad_line(place, fmt::format("'{}' must be a text", key));
      if (key == "id") prompt.id = value.get<std::string>();
      if (key == "text") prompt.text = value.get<std::string>();
    } else {
      const auto near = nearest(key, {"id", "text", "expect", "template"});
      return bad_line(place, fmt::format("unknown key '{}'{}", key,
                                         near ? fmt::format("; did you mean '{}'?", *near) : ""));
    }
  }
  if (prompt.text.empty()) return bad_line(place, "'text' is missing or empty");
  if (prompt.id.empty()) return bad_line(place, "'id' is empty");
  return prompt;
}

char lower(char c) {
  return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
}

}  // namespace

Result<std::vector<Prompt>> parse_suite(std::string_view text, const std::string& source) {
  std::vector<Prompt> prompts;
  std::unordered_map<std::string, std::size_t> line_of_id;
  std::size_t number = 0;
  while (!text.empty()) {
    ++number;
    const std::size_t end = text.find('\n');
    const std::string_view line = trim(text.substr(0, end));
    text.remove_prefix(end == std::string_view::npos ? text.size() : end + 1);
    if (line.empty()) continue;
    const std::string place = fmt::format("{}:{}", source, number);
    WATTLE_TRY(Prompt prompt, parse_prompt(line, place, number));
    const auto [other, is_new] = line_of_id.emplace(prompt.id, number);
    if (!is_new) {
      return bad_line(place,
                      fmt::format("id '{}' is already used on line {}", prompt.id, other->second));
    }
    prompts.push_back(std::move(prompt));
  }
  if (prompts.empty()) return bad_line(source, "no prompts in the file");
  return prompts;
}

Result<Suite> load_suite(const std::filesystem::path& file, const std::string& name) {
  WATTLE_TRY(const std::string text, read_file(file, kSuiteLimitBytes));
  Suite suite{name, sha256_hex(std::as_bytes(std::span(text))), {}};
  WATTLE_TRY(suite.prompts, parse_suite(text, file.string()));
  return suite;
}

bool is_correct(const Prompt& prompt, std::string_view answer) {
  return std::all_of(prompt.expect.begin(), prompt.expect.end(), [&](const auto& expected) {
    return std::search(answer.begin(), answer.end(), expected.second.begin(), expected.second.end(),
                       [](char a, char b) { return lower(a) == lower(b); }) != answer.end();
  });
}

}  // namespace wattle::lab
