#pragma once
// The "normalizer" of tokenizer.json: what happens to text before it is cut into words.

#include <string>
#include <variant>
#include <vector>

#include "engine/tokenizer/huggingface/place.hpp"
#include "engine/tokenizer/regex.hpp"
#include "engine/tokenizer/unicode.hpp"

namespace wattle::engine::huggingface {

class Normalizer {
 public:
  // nullopt: text stays as it is. unsupported for Precompiled and whatever else is not listed in
  // docs/formats/tokenizer.md.
  static Result<Normalizer> read(const std::optional<Place>& place);

  // `text` must be valid UTF-8; so is the result. `continues`: other text of the same piece stands
  // before, so nothing is prepended. A Replace stops where it would make more than 64 times `text`,
  // and 4 KiB, of it.
  [[nodiscard]] std::string apply(std::string text, bool continues) const;

 private:
  struct Prepend {
    std::string text;
  };
  struct Replace {
    Regex pattern;
    std::string content;
  };
  struct Lowercase {};
  struct Strip {
    bool left = false;
    bool right = false;
  };
  struct StripAccents {};
  using Step = std::variant<NormalForm, Prepend, Replace, Lowercase, Strip, StripAccents>;

  Status read_step(const Place& place);

  std::vector<Step> steps_;
};

}  // namespace wattle::engine::huggingface
