// Any bytes as a vocabulary and a text: an error, or a tokenizer that gives ids of its vocabulary.
#include <array>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string>

#include "engine/tokenizer/vocabulary.hpp"

namespace {

using namespace wattle::engine;

class Reader {
 public:
  Reader(const std::uint8_t* data, std::size_t size) : rest_(data, size) {}
  std::uint8_t byte() {
    if (rest_.empty()) return 0;
    const std::uint8_t value = rest_.front();
    rest_ = rest_.subspan(1);
    return value;
  }
  std::string text() {
    const std::size_t size = std::min<std::size_t>(byte() % 16, rest_.size());
    std::string value(reinterpret_cast<const char*>(rest_.data()), size);
    rest_ = rest_.subspan(size);
    return value;
  }
  std::string all() { return {reinterpret_cast<const char*>(rest_.data()), rest_.size()}; }
  std::optional<std::int64_t> id() {
    const std::uint8_t value = byte();
    return value == 0 ? std::nullopt : std::optional<std::int64_t>(value - 2);
  }

 private:
  std::span<const std::uint8_t> rest_;
};

Vocabulary read(Reader& reader) {
  constexpr std::array kPres = {"default", "llama-bpe", "deepseek-llm", "unknown"};
  Vocabulary vocabulary;
  vocabulary.source = "fuzz";
  const std::uint8_t flags = reader.byte();
  const bool bytes = (flags & 1) != 0;
  vocabulary.model = bytes ? VocabularyModel::byte_bpe : VocabularyModel::score_bpe;
  vocabulary.add_space_prefix = (flags & 2) != 0;
  vocabulary.strip_space_after_specials = (flags & 4) != 0;
  if ((flags & 8) != 0) vocabulary.add_bos = (flags & 16) != 0;
  if ((flags & 32) != 0) vocabulary.add_eos = true;
  const bool with_kinds = (flags & 64) != 0;
  vocabulary.pre = kPres[reader.byte() % kPres.size()];
  for (auto* id : {&vocabulary.bos, &vocabulary.eos, &vocabulary.eot, &vocabulary.eom,
                   &vocabulary.unknown, &vocabulary.padding}) {
    *id = reader.id();
  }
  const std::size_t n_tokens = reader.byte();
  for (std::size_t i = 0; i < n_tokens; ++i) {
    vocabulary.tokens.push_back(reader.text());
    if (with_kinds) vocabulary.kinds.push_back(static_cast<TokenKind>(1 + reader.byte() % 6));
    if (!bytes) vocabulary.scores.push_back(static_cast<float>(reader.byte()) - 128.0F);
  }
  const std::size_t n_merges = bytes ? reader.byte() : 0;
  for (std::size_t i = 0; i < n_merges; ++i) {
    std::string left = reader.text();
    vocabulary.merges.emplace_back(std::move(left), reader.text());
  }
  return vocabulary;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  Reader reader(data, size);
  const auto tokenizer = make_tokenizer(read(reader));
  if (!tokenizer) {
    if (tokenizer.error().what.empty()) std::abort();
    return 0;
  }
  const std::string text = reader.all();
  for (const bool parse_special : {false, true}) {
    const auto ids = (*tokenizer)->encode(text, {.parse_special = parse_special});
    for (const TokenId id : ids) {
      if (id < 0 || static_cast<std::size_t>(id) >= (*tokenizer)->vocab_size()) std::abort();
      (void)(*tokenizer)->is_end_of_generation(id);
    }
    (void)(*tokenizer)->decode(ids, parse_special);
  }
  return 0;
}
