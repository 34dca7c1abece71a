#pragma once
// The "decoder" of tokenizer.json: what becomes of a row of tokens on the way back to text.

#include <string>
#include <variant>
#include <vector>

#include "engine/tokenizer/huggingface/place.hpp"
#include "engine/tokenizer/regex.hpp"

namespace wattle::engine::huggingface {

struct TokenText {
  std::string text;
  bool is_added = false;  // from "added_tokens": never written in the alphabet of bytes
};

class Decoder {
 public:
  // nullopt: tokens are joined by spaces.
  static Result<Decoder> read(const std::optional<Place>& place);

  // Bytes that are no UTF-8 stay as they are; Hugging Face makes U+FFFD of them.
  [[nodiscard]] std::string decode(std::vector<TokenText> tokens) const;

  // What a token adds somewhere in the middle of a text: steps that only concern the beginning of
  // the text, or the text as a whole, are left out.
  [[nodiscard]] std::string piece(TokenText token) const;

 private:
  struct ByteLevel {};
  struct ByteFallback {};
  struct Fuse {};
  struct Replace {
    Regex pattern;
    std::string content;
  };
  struct Strip {
    std::string content;  // one character
    std::size_t start = 0;
    std::size_t stop = 0;
  };
  struct Metaspace {
    std::string replacement;  // one character
    bool drops_first = false;
  };
  using Step = std::variant<ByteLevel, ByteFallback, Fuse, Replace, Strip, Metaspace>;

  Status read_step(const Place& place);
  static void apply(const Step& step, TokenText& token, bool is_first);

  std::vector<Step> steps_;
  bool joins_by_spaces_ = false;
};

}  // namespace wattle::engine::huggingface
