#pragma once
// The "pre_tokenizer" of tokenizer.json: cuts normalised text into the words inside which pieces
// merge, and rewrites them on the way (bytes as visible characters, spaces as U+2581).

#include <string>
#include <variant>
#include <vector>

#include "engine/tokenizer/huggingface/place.hpp"
#include "engine/tokenizer/huggingface/split.hpp"
#include "engine/tokenizer/regex.hpp"

namespace wattle::engine::huggingface {

// The words are spans of `text`, in order and not empty; between them may lie what was removed.
struct Words {
  std::string text;
  std::vector<Span> spans;
  bool first_begins_text = true;  // nothing before the first word was removed
};

// Where a text stands in what is being encoded.
struct Position {
  bool at_start = true;    // it is the very first (Metaspace's prepend_scheme "first")
  bool continues = false;  // other text of the same piece stands before: nothing is prepended
};

class PreTokenizer {
 public:
  // nullopt: all of a text is one word. unsupported for what is not listed in
  // docs/formats/tokenizer.md, and for more than one ByteLevel or Metaspace.
  static Result<PreTokenizer> read(const std::optional<Place>& place);

  // `text` must be valid UTF-8.
  [[nodiscard]] Words apply(std::string text, Position position) const;

  // A ByteLevel step writes every byte as a character of its own (byte_alphabet.hpp).
  [[nodiscard]] bool is_byte_level() const { return is_byte_level_; }

 private:
  enum class Prepend { always, first, never };
  struct Split {
    Regex pattern;
    Behavior behavior = Behavior::isolated;
    bool invert = false;
  };
  struct ByteLevel {
    bool add_prefix_space = true;
    std::optional<Regex> pattern;
  };
  struct Metaspace {
    std::string replacement;
    Prepend prepend = Prepend::always;
    bool split = true;
  };
  using Step = std::variant<Split, ByteLevel, Metaspace>;

  Status read_step(const Place& place);
  Status read_split(const Place& place);
  Status read_byte_level(const Place& place);
  Status read_metaspace(const Place& place);
  Status add_split(std::string_view pattern, Behavior behavior, bool invert);

  static void apply_split(const Split& step, Words& words, RegexBudget& budget);
  static void apply_byte_level(const ByteLevel& step, Words& words, Position position,
                               RegexBudget& budget);
  static void apply_metaspace(const Metaspace& step, Words& words, Position position);

  std::vector<Step> steps_;
  bool is_byte_level_ = false;
  bool has_metaspace_ = false;
};

}  // namespace wattle::engine::huggingface
