#include "learn/vocabulary.hpp"

#include <fmt/format.h>

#include <unordered_set>

#include "engine/gguf_writer.hpp"

namespace wattle::learn {
namespace {
std::vector<std::string> number_pieces() {
  std::vector<std::string> pieces;
  for (const std::string_view before : {"▁", "▁["}) {
    if (before != "▁") pieces.emplace_back(before);
    const auto add = [&](std::string_view number) {
      pieces.push_back(fmt::format("{}{}", before, number));
    };
    for (int digit = 0; digit <= 9; ++digit) add(fmt::format("{}", digit));
    for (int number = 10; number <= 99; ++number) add(fmt::format("{}", number));
    for (const std::string_view head : {"0.", "0.0", "0.00"}) add(head);
  }
  for (int digit = 0; digit <= 9; ++digit) pieces.push_back(fmt::format(".{}", digit));
  return pieces;
}
}  // namespace

Vocabulary assemble_vocabulary(std::span<const std::string> pieces) {
  Vocabulary vocabulary;
  std::unordered_set<std::string> known;
  const auto add = [&](std::string token, float score, TokenType type) {
    if (!known.insert(token).second) return;
    vocabulary.tokens.push_back(std::move(token));
    vocabulary.scores.push_back(score);
    vocabulary.types.push_back(type);
  };
  add("<unk>", 0.0F, TokenType::unknown);
  add("<s>", 0.0F, TokenType::control);
  add("</s>", 0.0F, TokenType::control);
  for (int byte = 0; byte < 256; ++byte) {
    add(fmt::format("<0x{:02X}>", byte), 0.0F, TokenType::byte);
  }
  const std::size_t special = vocabulary.size();
  const auto add_piece = [&](const std::string& piece) {
    add(piece, -static_cast<float>(vocabulary.size() - special), TokenType::normal);
  };
  for (const std::string& piece : number_pieces()) add_piece(piece);
  for (const std::string& piece : pieces) add_piece(piece);
  return vocabulary;
}

void write_vocabulary(engine::GgufWriter& writer, const Vocabulary& vocabulary) {
  std::vector<std::int32_t> types;
  for (const TokenType type : vocabulary.types) types.push_back(static_cast<std::int32_t>(type));
  writer.set_string("tokenizer.ggml.model", "llama");
  writer.set_string("tokenizer.ggml.pre", "default");
  writer.set_strings("tokenizer.ggml.tokens", vocabulary.tokens);
  writer.set_floats32("tokenizer.ggml.scores", vocabulary.scores);
  writer.set_ints32("tokenizer.ggml.token_type", types);
  writer.set_uint32("tokenizer.ggml.bos_token_id", static_cast<std::uint32_t>(vocabulary.bos));
  writer.set_uint32("tokenizer.ggml.eos_token_id", static_cast<std::uint32_t>(vocabulary.eos));
  writer.set_uint32("tokenizer.ggml.unknown_token_id",
                    static_cast<std::uint32_t>(vocabulary.unknown));
  writer.set_bool("tokenizer.ggml.add_bos_token", true);
  writer.set_bool("tokenizer.ggml.add_eos_token", false);
  writer.set_bool("tokenizer.ggml.add_space_prefix", true);
  writer.set_bool("tokenizer.ggml.remove_extra_whitespaces", false);
}

}  // namespace wattle::learn
