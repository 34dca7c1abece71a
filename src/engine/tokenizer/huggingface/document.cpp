#include "engine/tokenizer/huggingface/document.hpp"

#include <fmt/format.h>

#include <limits>
#include <unordered_set>

namespace wattle::engine::huggingface {
namespace {

constexpr std::size_t kDeepest = 32;
constexpr std::size_t kMostMembers = 20'000;

// What the values inside an array or object are for.
enum class Part { rest, vocabulary, merges, merge, skipped };

struct Frame {
  Part part = Part::rest;
  Json* value = nullptr;                 // the array or object being filled; Part::rest only
  std::unordered_set<std::string> keys;  // of that object; Json itself looks for them one by one
  std::string key;                       // of the value that comes next, in an object
  std::size_t n_values = 0;
  bool is_object = false;
};

// nlohmann-json calls these functions for one token after the other; `false` ends the reading.
class Reader final : public nlohmann::json_sax<Json> {
 public:
  explicit Reader(const std::string& source) : source_(source) {}

  Result<Document> result(bool complete) {
    if (complete && document_.rest.is_object()) return std::move(document_);
    if (problem_.empty()) problem_ = "it is not an object";
    return fail(ErrorCode::invalid_format, fmt::format("cannot read {}: {}", source_, problem_),
                "Download the file again");
  }

  bool null() override { return take(Json()); }
  bool boolean(bool value) override { return take(Json(value)); }
  bool number_integer(number_integer_t value) override { return take_number(value); }
  bool number_unsigned(number_unsigned_t value) override {
    constexpr auto kLargest =
        static_cast<number_unsigned_t>(std::numeric_limits<number_integer_t>::max());
    return take_number(static_cast<number_integer_t>(std::min(value, kLargest)));
  }
  bool number_float(number_float_t value, const string_t& /*text*/) override {
    return take(Json(value));
  }
  bool string(string_t& value) override {
    if (part() == Part::merges) return take_merge_line(value);
    if (part() == Part::merge) return take_merge_half(value);
    return take(Json(std::move(value)));
  }
  bool binary(binary_t& /*value*/) override { return stop("it has binary data"); }
  bool start_object(std::size_t /*size*/) override { return start(Json::object()); }
  bool start_array(std::size_t /*size*/) override { return start(Json::array()); }
  bool end_object() override { return end(); }
  bool end_array() override {
    if (part() == Part::merge && frames_.back().n_values != 2) return bad_merge();
    return end();
  }

  bool key(string_t& name) override {
    Frame& frame = frames_.back();
    frame.key = std::move(name);
    if (frame.part != Part::rest) return true;
    if (!frame.keys.insert(frame.key).second) return stop_here("stands there twice");
    if (frame.keys.size() > kMostMembers) {
      return stop_here(fmt::format("is one of more than {} members", kMostMembers));
    }
    return true;
  }

  bool parse_error(std::size_t position, const std::string& token,
                   const nlohmann::detail::exception& /*error*/) override {
    return stop(fmt::format("byte {} is no JSON (behind '{}')", position,
                            std::string_view(token).substr(0, 40)));
  }

 private:
  [[nodiscard]] Part part() const { return frames_.empty() ? Part::rest : frames_.back().part; }

  bool stop(std::string problem) {
    if (problem_.empty()) problem_ = std::move(problem);
    return false;
  }
  bool stop_here(const std::string& problem) { return stop(pointer() + " " + problem); }

  // Of the value that comes next.
  [[nodiscard]] std::string pointer() const {
    std::string path;
    for (const Frame& frame : frames_) {
      path += frame.is_object ? pointer_step(frame.key) : fmt::format("/{}", frame.n_values);
    }
    return path;
  }

  bool take_number(number_integer_t value) {
    if (part() != Part::vocabulary) return take(Json(value));
    if (value < 0) return stop_here("is no token id");
    document_.vocabulary.emplace_back(std::move(frames_.back().key), value);
    return true;
  }

  bool take(Json value) {
    if (part() == Part::vocabulary) return stop_here("is no token id");
    if (part() == Part::merges || part() == Part::merge) return bad_merge();
    put(std::move(value));
    if (!frames_.empty()) ++frames_.back().n_values;
    return true;
  }

  // Puts a value where it belongs; not for the vocabulary and merges.
  Json* put(Json value) {
    if (frames_.empty()) return &(document_.rest = std::move(value));
    Frame& frame = frames_.back();
    if (frame.part == Part::skipped) return &skipped_;
    if (!frame.is_object) {
      frame.value->push_back(std::move(value));
      return &frame.value->back();
    }
    auto& members = frame.value->get_ref<Json::object_t&>();
    members.emplace_back(frame.key, std::move(value));
    return &members.back().second;
  }

  [[nodiscard]] Part part_of_next(bool is_object) const {
    const Part outer = part();
    if (outer == Part::merges) return Part::merge;
    if (outer != Part::rest) return Part::skipped;
    const bool in_model = frames_.size() == 2 && frames_[0].is_object && frames_[1].is_object &&
                          frames_[0].key == "model";
    if (!in_model) return Part::rest;
    if (frames_[1].key == "vocab") return is_object ? Part::vocabulary : Part::skipped;
    if (frames_[1].key == "merges" && !is_object) return Part::merges;
    return Part::rest;
  }

  bool start(Json value) {
    const bool is_object = value.is_object();
    if (frames_.size() == kDeepest) return stop_here("is nested too deeply");
    const Part next = part_of_next(is_object);
    const bool wrong_place = part() == Part::vocabulary || part() == Part::merge ||
                             (part() == Part::merges && is_object);
    if (wrong_place) return part() == Part::vocabulary ? stop_here("is no token id") : bad_merge();
    if (next == Part::vocabulary) document_.has_vocabulary = true;
    if (next == Part::merges) document_.has_merges = true;
    if (next == Part::merge) document_.merges.emplace_back();
    Json* placed = next == Part::rest ? put(std::move(value)) : nullptr;
    frames_.push_back(
        {.part = next, .value = placed, .keys = {}, .key = {}, .is_object = is_object});
    return true;
  }

  bool end() {
    frames_.pop_back();
    if (!frames_.empty()) ++frames_.back().n_values;
    return true;
  }

  bool bad_merge() { return stop_here("is no merge of two tokens"); }

  bool take_merge_line(const std::string& line) {
    Frame& frame = frames_.back();
    if (!line.starts_with("#version")) {
      const std::size_t space = line.find(' ');
      if (space == std::string::npos || line.find(' ', space + 1) != std::string::npos) {
        return bad_merge();
      }
      document_.merges.emplace_back(line.substr(0, space), line.substr(space + 1));
    }
    ++frame.n_values;
    return true;
  }

  bool take_merge_half(std::string& token) {
    Frame& frame = frames_.back();
    if (frame.n_values == 2) return bad_merge();
    auto& [left, right] = document_.merges.back();
    (frame.n_values == 0 ? left : right) = std::move(token);
    ++frame.n_values;
    return true;
  }

  const std::string& source_;
  Document document_;
  std::vector<Frame> frames_;
  std::string problem_;
  Json skipped_;
};

}  // namespace

Result<Document> read_document(std::string_view text, const std::string& source) {
  Reader reader(source);
  const bool complete = Json::sax_parse(text.begin(), text.end(), &reader);
  return reader.result(complete);
}

std::string pointer_step(std::string_view key) {
  std::string step = "/";
  for (const char c : key) {
    if (c == '~') {
      step += "~0";
    } else if (c == '/') {
      step += "~1";
    } else {
      step += c;
    }
  }
  return step;
}

}  // namespace wattle::engine::huggingface
