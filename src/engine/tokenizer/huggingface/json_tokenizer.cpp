#include "engine/tokenizer/huggingface/json_tokenizer.hpp"

#include <algorithm>

#include "engine/tokenizer/byte_alphabet.hpp"
#include "engine/tokenizer/utf8.hpp"

namespace wattle::engine::huggingface {

JsonTokenizer::JsonTokenizer(Parts parts, std::vector<TokenText> tokens, Specials specials)
    : normalizer_(std::move(parts.normalizer)),
      pre_tokenizer_(std::move(parts.pre_tokenizer)),
      model_(std::move(parts.model)),
      decoder_(std::move(parts.decoder)),
      added_(std::move(parts.added), normalizer_),
      tokens_(std::move(tokens)),
      is_special_(tokens_.size()),
      specials_(std::move(specials)) {
  for (const AddedToken& token : added_.tokens()) {
    if (token.special) is_special_[static_cast<std::size_t>(token.id)] = true;
  }
}

std::vector<TokenId> JsonTokenizer::encode(std::string_view text,
                                           const EncodeOptions& options) const {
  std::vector<TokenId> tokens;
  if (options.add_special) tokens = specials_.around.before;
  bool at_start = true;
  for (const Fragment& fragment : added_.split_raw(text, options.parse_special)) {
    if (fragment.token >= 0) {
      tokens.push_back(fragment.token);
    } else {
      encode_fragment(fragment.text, at_start, options.parse_special, tokens);
    }
    at_start = false;
  }
  if (options.add_special) {
    const auto& behind = specials_.around.behind;
    tokens.insert(tokens.end(), behind.begin(), behind.end());
  }
  return tokens;
}

void JsonTokenizer::encode_fragment(std::string_view text, bool at_start, bool parse_special,
                                    std::vector<TokenId>& tokens) const {
  Position position{.at_start = at_start, .continues = false};
  while (!text.empty()) {
    const std::size_t valid = utf8_valid_prefix(text);
    if (valid > 0) encode_valid(text.substr(0, valid), position, parse_special, tokens);
    text.remove_prefix(valid);
    for (; !text.empty() && utf8_length(text) == 0; text.remove_prefix(1)) {
      encode_invalid_byte(static_cast<std::uint8_t>(text[0]), tokens);
    }
    position = {.at_start = false, .continues = true};
  }
}

void JsonTokenizer::encode_valid(std::string_view text, Position position, bool parse_special,
                                 std::vector<TokenId>& tokens) const {
  const std::string normalized = normalizer_.apply(std::string(text), position.continues);
  for (const Fragment& fragment : added_.split_normalized(normalized, parse_special)) {
    if (fragment.token >= 0) {
      tokens.push_back(fragment.token);
    } else {
      encode_words(std::string(fragment.text), position, tokens);
    }
    position = {.at_start = false, .continues = false};
  }
}

void JsonTokenizer::encode_words(std::string text, Position position,
                                 std::vector<TokenId>& tokens) const {
  MergeWorkspace workspace;
  const Words words = pre_tokenizer_.apply(std::move(text), position);
  for (const Span span : words.spans) {
    model_.encode(std::string_view(words.text).substr(span.begin, span.end - span.begin), workspace,
                  tokens);
  }
}

void JsonTokenizer::encode_invalid_byte(std::uint8_t byte, std::vector<TokenId>& tokens) const {
  MergeWorkspace workspace;
  if (pre_tokenizer_.is_byte_level()) {
    model_.encode(alphabet_character(byte), workspace, tokens);
  } else if (const auto token = model_.byte_token(byte)) {
    tokens.push_back(*token);
  } else {
    model_.encode(kReplacementCharacter, workspace, tokens);
  }
}

bool JsonTokenizer::is_hidden(TokenId token, bool show_special) const {
  if (token < 0 || static_cast<std::size_t>(token) >= tokens_.size()) return true;
  return !show_special && is_special_[static_cast<std::size_t>(token)];
}

std::string JsonTokenizer::piece(TokenId token, bool show_special) const {
  if (is_hidden(token, show_special)) return {};
  return decoder_.piece(tokens_[static_cast<std::size_t>(token)]);
}

std::string JsonTokenizer::decode(std::span<const TokenId> tokens, bool show_special) const {
  std::vector<TokenText> texts;
  texts.reserve(tokens.size());
  for (const TokenId token : tokens) {
    if (!is_hidden(token, show_special)) texts.push_back(tokens_[static_cast<std::size_t>(token)]);
  }
  return decoder_.decode(std::move(texts));
}

bool JsonTokenizer::is_end_of_generation(TokenId token) const {
  return std::ranges::binary_search(specials_.end_of_generation, token);
}

}  // namespace wattle::engine::huggingface
