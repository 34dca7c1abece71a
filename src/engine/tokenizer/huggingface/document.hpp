#pragma once
// tokenizer.json in memory. The vocabulary and the merges, up to a million entries, go straight
// into vectors; the small rest becomes a Json value. Time and memory are linear in the text.

#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/json.hpp"
#include "base/result.hpp"

namespace wattle::engine::huggingface {

struct Document {
  Json rest;  // an object: everything but /model/vocab and /model/merges

  bool has_vocabulary = false;  // /model/vocab is an object; in other models it is an array
  std::vector<std::pair<std::string, std::int64_t>> vocabulary;  // token, id ≥ 0; in file order
  bool has_merges = false;
  std::vector<std::pair<std::string, std::string>> merges;  // best first
};

// Errors name `source` and the JSON pointer. Refused: a key twice in an object, nesting deeper than
// 32, objects of more than 20,000 members (the vocabulary excepted).
[[nodiscard]] Result<Document> read_document(std::string_view text, const std::string& source);

// `key` as one step of a JSON pointer (RFC 6901): "/a~1b".
[[nodiscard]] std::string pointer_step(std::string_view key);

}  // namespace wattle::engine::huggingface
