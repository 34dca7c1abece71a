// Any bytes as tokenizer.model, their end as a text for it: an error, or a tokenizer that gives ids
// of its vocabulary.
#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <span>
#include <string>

#include "engine/tokenizer_files.hpp"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace wattle::engine;
  const auto bytes = std::as_bytes(std::span(data, size));
  const auto tokenizer = tokenizer_from_sentencepiece(bytes, "fuzz");
  if (!tokenizer) {
    if (tokenizer.error().what.empty()) std::abort();
    return 0;
  }
  std::string text = "a b  <s> \xC3\xA9\xFF ";
  const auto tail = bytes.last(std::min<std::size_t>(size, 24));
  text.append(reinterpret_cast<const char*>(tail.data()), tail.size());
  for (const bool parse_special : {false, true}) {
    const auto ids = (*tokenizer)->encode(text, {.parse_special = parse_special});
    for (const TokenId id : ids) {
      if (id < 0 || static_cast<std::size_t>(id) >= (*tokenizer)->vocab_size()) std::abort();
    }
    (void)(*tokenizer)->decode(ids, parse_special);
  }
  return 0;
}
