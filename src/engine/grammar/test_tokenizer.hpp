#pragma once
// For tests and fuzzing: a vocabulary that grammars are tried with.

#include <memory>
#include <utility>

#include "engine/tokenizer/small_vocabularies.hpp"

namespace wattle::engine {

// SentencePiece-like: bytes, and pieces that JSON is written with.
inline std::shared_ptr<const Tokenizer> small_tokenizer() {
  Vocabulary vocabulary = score_vocabulary();
  for (const char* token : {"▁",    "▁{",     "{\"",  "\":",    "\":▁", "\",▁\"", "},", "]}", "}}",
                            "true", "▁false", "nul",  "l",      "name", "▁name",  "a",  "b",  "ab",
                            "é",    "é\"",    "日本", "▁▁▁▁",   "0",    "12",     ".5", "1e", "[[",
                            "\\u",  "\\\"",   "ok",   "\"ok\"", "-",    "T1",     "<t>"}) {
    add_token(vocabulary, token, TokenKind::normal);
  }
  add_token(vocabulary, "<|end|>", TokenKind::control);
  add_token(vocabulary, "<keep>", TokenKind::user_defined);
  return make_tokenizer(std::move(vocabulary)).value();
}

}  // namespace wattle::engine
