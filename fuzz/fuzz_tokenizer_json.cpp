// Any bytes as tokenizer.json, and what stands behind a NUL as a text for it: an error, or a
// tokenizer that gives ids of its vocabulary. The same bytes as the other files of a folder, too.
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string>
#include <string_view>

#include "engine/tokenizer_files.hpp"

namespace {

using namespace wattle::engine;

void use(const Tokenizer& tokenizer, std::string_view text) {
  for (const bool parse_special : {false, true}) {
    const auto ids = tokenizer.encode(text, {.parse_special = parse_special});
    for (const TokenId id : ids) {
      if (id < 0 || static_cast<std::size_t>(id) >= tokenizer.vocab_size()) std::abort();
      (void)tokenizer.piece(id);
      (void)tokenizer.is_end_of_generation(id);
    }
    (void)tokenizer.decode(ids, parse_special);
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view input(reinterpret_cast<const char*>(data), size);
  const std::string_view file = input.substr(0, input.find('\0'));
  const std::string_view text =
      file.size() == size ? "a b1 <s> \xC3\xA9\xFF aab" : input.substr(file.size() + 1);
  const NamedText named{std::string(file), "fuzz"};
  const auto settings = read_special_token_settings(named, named, named);
  if (!settings && settings.error().what.empty()) std::abort();
  const auto tokenizer =
      tokenizer_from_json(file, "fuzz", settings ? *settings : SpecialTokenSettings());
  if (!tokenizer) {
    if (tokenizer.error().what.empty()) std::abort();
    return 0;
  }
  use(**tokenizer, text);
  return 0;
}
