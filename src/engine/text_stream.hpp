#pragma once
// Bytes of tokens in, printable text out: whole characters only, and nothing that may turn out to
// be the beginning of a stop string.

#include <string>
#include <string_view>
#include <vector>

namespace wattle::engine {

class TextStream {
 public:
  // Empty stop strings are ignored.
  explicit TextStream(std::vector<std::string> stop);

  // The text that may be shown now. Bytes that can be no part of a UTF-8 character become U+FFFD.
  std::string push(std::string_view bytes);
  // What is still held back; an unfinished character becomes U+FFFD. Empty after a stop string.
  std::string finish();
  // A stop string has appeared; the text ends before it.
  [[nodiscard]] bool stopped() const { return stopped_; }

 private:
  std::string release();

  std::vector<std::string> stop_;
  std::string bytes_;  // an unfinished character
  std::string text_;   // whole characters, held back
  bool stopped_ = false;
};

// Length of the valid UTF-8 character at the start of `bytes`: 1–4; 0 if the bytes may be the
// beginning of one; −1 if they are invalid (then one byte is to be replaced).
[[nodiscard]] int utf8_character(std::string_view bytes);

}  // namespace wattle::engine
