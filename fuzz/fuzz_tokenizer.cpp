// Any text with one of a few small vocabularies, chosen by the first byte: what is encoded must
// decode to the same bytes, and every id must be in the vocabulary.
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string_view>

#include "engine/tokenizer/small_vocabularies.hpp"

namespace {

using namespace wattle::engine;

using Tokenizers = std::vector<std::shared_ptr<const Tokenizer>>;

void add(Tokenizers& tokenizers, const Vocabulary& vocabulary) {
  auto tokenizer = make_tokenizer(vocabulary);
  if (!tokenizer) std::abort();
  tokenizers.push_back(*tokenizer);
}

void add_score_vocabularies(Tokenizers& tokenizers) {
  for (const bool add_space_prefix : {true, false}) {
    Vocabulary vocabulary = score_vocabulary();
    vocabulary.add_space_prefix = add_space_prefix;
    vocabulary.strip_space_after_specials = true;
    float score = -1;
    for (const char* token : {"▁", "a", "b", "aa", "ab", "▁a", "▁ab", "aab", "é", "▁▁", "▁▁▁▁"}) {
      add_token(vocabulary, token, TokenKind::normal, score -= 0.5F);
    }
    add(tokenizers, vocabulary);
    add_token(vocabulary, "a▁b", TokenKind::normal, -0.1F);  // words are no longer cut at spaces
    add_token(vocabulary, "<t>", TokenKind::user_defined);
    add_token(vocabulary, "▁▁▁", TokenKind::user_defined);
    add_token(vocabulary, "<|end|>", TokenKind::control);
    add(tokenizers, vocabulary);
  }
}

void add_byte_vocabularies(Tokenizers& tokenizers) {
  for (const char* pre : {"default", "gpt-2", "llama-bpe", "qwen2", "smollm", "deepseek-llm"}) {
    Vocabulary vocabulary = byte_vocabulary(pre);
    add_merge(vocabulary, "a", "a");
    add_merge(vocabulary, "a", "b");
    add_merge(vocabulary, "Ġ", "Ġ");
    add_merge(vocabulary, "aa", "aa");
    add_merge(vocabulary, "Ġ", "ab");
    add_merge(vocabulary, "Ã", "©");
    add_token(vocabulary, "<t>", TokenKind::user_defined);
    add_token(vocabulary, "<|end|>", TokenKind::control);
    add(tokenizers, vocabulary);
  }
}

const Tokenizers& all_tokenizers() {
  static const Tokenizers tokenizers = [] {
    Tokenizers made;
    add_score_vocabularies(made);
    add_byte_vocabularies(made);
    return made;
  }();
  return tokenizers;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size == 0) return 0;
  const Tokenizer& tokenizer = *all_tokenizers()[data[0] % all_tokenizers().size()];
  const std::string_view text(reinterpret_cast<const char*>(data) + 1, size - 1);
  const auto ids = tokenizer.encode(text, {.add_special = false, .parse_special = false});
  if (tokenizer.decode(ids) != text) std::abort();
  for (const bool parse_special : {false, true}) {
    const auto tokens =
        tokenizer.encode(text, {.add_special = true, .parse_special = parse_special});
    for (const TokenId id : tokens) {
      if (id < 0 || static_cast<std::size_t>(id) >= tokenizer.vocab_size()) std::abort();
    }
    (void)tokenizer.decode(tokens, true);
  }
  return 0;
}
