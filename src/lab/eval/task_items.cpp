#include "lab/eval/task_items.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cstdint>
#include <unordered_map>

#include "base/atomic_file.hpp"
#include "base/fs_root.hpp"
#include "base/json.hpp"

namespace wattle::lab {
namespace {

constexpr std::size_t kLimitBytes = std::size_t{1} << 30U;

// One line, and where it stands.
class Line {
 public:
  Line(const Json& json, std::string place) : json_(json), place_(std::move(place)) {}

  [[nodiscard]] std::unexpected<Error> bad(const std::string& what) const {
    return fail(ErrorCode::invalid_format, fmt::format("{}: {}", place_, what),
                "docs/formats/tasks.md shows the lines that can be read.");
  }
  [[nodiscard]] const Json* find(const char* key) const { return find(json_, key); }
  [[nodiscard]] static const Json* find(const Json& object, const char* key) {
    const auto found = object.is_object() ? object.find(key) : object.end();
    return found == object.end() ? nullptr : &*found;
  }

  [[nodiscard]] Result<std::string> text(const char* key) const {
    const Json* value = find(key);
    if (value == nullptr || !value->is_string())
      return bad(fmt::format("'{}' must be a text", key));
    return value->get<std::string>();
  }
  // A text or a list of texts.
  [[nodiscard]] Result<std::vector<std::string>> texts(const char* key) const {
    const Json& value = *find(key);
    if (value.is_string()) return std::vector{value.get<std::string>()};
    std::vector<std::string> made;
    for (const Json& element : value.is_array() ? value : Json::array({0})) {
      if (!element.is_string()) return bad(fmt::format("'{}' must be a text or texts", key));
      made.push_back(element.get<std::string>());
    }
    return made;
  }

 private:
  const Json& json_;
  std::string place_;
};

Status read_suite_item(const Line& line, TaskItem& item) {
  WATTLE_TRY(item.text, line.text("text"));
  const Json* expect = line.find("expect");
  if (expect == nullptr) return {};
  if (!expect->is_object()) return line.bad("'expect' must be an object of texts");
  for (const auto& [name, value] : expect->items()) {
    if (!value.is_string() || value.get_ref<const std::string&>().empty()) {
      return line.bad(fmt::format("'expect.{}' must be a text that is not empty", name));
    }
    item.every.push_back(value.get<std::string>());
  }
  return {};
}

Status read_question_item(const Line& line, TaskItem& item) {
  item.is_question = true;
  WATTLE_TRY(item.text, line.text("question"));
  for (const char* key : {"answer", "answers"}) {
    if (line.find(key) == nullptr) continue;
    WATTLE_TRY(item.any, line.texts(key));
    return {};
  }
  return line.bad("'answer' is missing");
}

// Natural Questions: the tokens of the document, HTML tags marked, from either form of the file.
struct DocumentToken {
  std::string text;
  bool is_html = false;
};

Result<std::vector<DocumentToken>> document_tokens(const Line& line) {
  std::vector<DocumentToken> tokens;
  if (const Json* list = line.find("document_tokens")) {
    if (!list->is_array()) return line.bad("'document_tokens' must be a list");
    for (const Json& element : *list) {
      const Json* text = Line::find(element, "token");
      const Json* html = Line::find(element, "html_token");
      if (text == nullptr || !text->is_string() || (html != nullptr && !html->is_boolean())) {
        return line.bad(
            fmt::format("'document_tokens[{}]' must be {{\"token\": text, "
                        "\"html_token\": true or false}}",
                        tokens.size()));
      }
      tokens.push_back({text->get<std::string>(), html != nullptr && html->get<bool>()});
    }
    return tokens;
  }
  WATTLE_TRY(const std::string text, line.text("document_text"));
  for (std::size_t begin = 0; begin <= text.size();) {
    const std::size_t end = std::min(text.find(' ', begin), text.size());
    const std::string word = text.substr(begin, end - begin);
    tokens.push_back({word, word.size() > 2 && word.front() == '<' && word.back() == '>'});
    begin = end + 1;
  }
  return tokens;
}

Result<std::string> short_answer(const Line& line, const std::vector<DocumentToken>& tokens,
                                 const Json& span) {
  const auto index = [&](const char* key) -> std::int64_t {
    const Json* value = Line::find(span, key);
    return value != nullptr && value->is_number_integer() ? value->get<std::int64_t>() : -1;
  };
  const std::int64_t begin = index("start_token");
  const std::int64_t end = index("end_token");
  if (begin < 0 || end <= begin || end > static_cast<std::int64_t>(tokens.size())) {
    return line.bad(fmt::format("a short answer goes from token {} to {} of a document of {}",
                                begin, end, tokens.size()));
  }
  std::string text;
  for (auto i = static_cast<std::size_t>(begin); i < static_cast<std::size_t>(end); ++i) {
    if (!tokens[i].is_html) text += (text.empty() ? "" : " ") + tokens[i].text;
  }
  return text;
}

Status read_natural_question(const Line& line, TaskItem& item) {
  item.is_question = true;
  WATTLE_TRY(item.text, line.text("question_text"));
  const Json* annotations = line.find("annotations");
  if (annotations == nullptr || !annotations->is_array()) {
    return line.bad("'annotations' must be a list");
  }
  std::vector<DocumentToken> tokens;  // read when an answer first needs them
  for (const Json& annotation : *annotations) {
    const Json* yes_no = Line::find(annotation, "yes_no_answer");
    if (yes_no != nullptr && (*yes_no == "YES" || *yes_no == "NO")) {
      item.any.emplace_back(*yes_no == "YES" ? "yes" : "no");
    }
    const Json* answers = Line::find(annotation, "short_answers");
    if (answers == nullptr) continue;
    if (!answers->is_array()) return line.bad("'short_answers' must be a list");
    for (const Json& span : *answers) {
      if (tokens.empty()) {
        WATTLE_TRY(tokens, document_tokens(line));
      }
      WATTLE_TRY(std::string text, short_answer(line, tokens, span));
      if (!text.empty()) item.any.push_back(std::move(text));
    }
  }
  return {};
}

Result<TaskItem> parse_item(std::string_view text, const std::string& place, std::size_t number) {
  WATTLE_TRY(const Json json, parse_json(text, place));
  const Line line(json, place);
  if (!json.is_object()) return line.bad("not a JSON object");
  TaskItem item;
  item.id = fmt::format("line-{}", number);
  for (const char* key : {"id", "example_id"}) {
    const Json* id = line.find(key);
    if (id == nullptr) continue;
    if (!id->is_string() && !id->is_number_integer()) {
      return line.bad(fmt::format("'{}' must be a text or a whole number", key));
    }
    item.id = id->is_string() ? id->get<std::string>() : id->dump();
  }
  if (line.find("question_text") != nullptr) {
    WATTLE_CHECK(read_natural_question(line, item));
  } else if (line.find("question") != nullptr) {
    WATTLE_CHECK(read_question_item(line, item));
  } else if (line.find("text") != nullptr) {
    WATTLE_CHECK(read_suite_item(line, item));
  } else {
    return line.bad("there is none of 'text', 'question' and 'question_text'");
  }
  if (item.text.empty()) return line.bad("the question is empty");
  std::erase(item.any, std::string());
  return item;
}

}  // namespace

Result<TaskFile> parse_tasks(std::string_view text, const std::string& source) {
  TaskFile made;
  std::unordered_map<std::string, std::size_t> line_of_id;
  for (std::size_t number = 1; !text.empty(); ++number) {
    const std::size_t end = text.find('\n');
    const std::string_view line = trim(text.substr(0, end));
    text.remove_prefix(end == std::string_view::npos ? text.size() : end + 1);
    if (line.empty()) continue;
    const std::string place = fmt::format("{}:{}", source, number);
    WATTLE_TRY(TaskItem item, parse_item(line, place, number));
    const auto [other, is_new] = line_of_id.emplace(item.id, number);
    if (!is_new) {
      return fail(
          ErrorCode::invalid_format,
          fmt::format("{}: id '{}' is already used on line {}", place, item.id, other->second),
          "Give every line its own.");
    }
    if (item.any.empty() && item.every.empty()) {
      made.n_unanswered += 1;
    } else {
      made.items.push_back(std::move(item));
    }
  }
  if (made.items.empty()) {
    return fail(
        ErrorCode::invalid_format,
        fmt::format("{}: no line has a right answer ({} have none)", source, made.n_unanswered),
        "Give a suite with 'expect', or questions with answers.");
  }
  return made;
}

Result<TaskFile> load_tasks(const std::filesystem::path& file) {
  WATTLE_TRY(const std::string text, read_file(file, kLimitBytes));
  return parse_tasks(text, file.string());
}

}  // namespace wattle::lab
