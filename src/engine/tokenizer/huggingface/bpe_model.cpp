#include "engine/tokenizer/huggingface/bpe_model.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <limits>

#include "engine/tokenizer/tokenizer_base.hpp"
#include "engine/tokenizer/utf8.hpp"

namespace wattle::engine::huggingface {
namespace {

constexpr std::uint32_t kFirstFarCharacter = 0x800;
// Ids may leave gaps, but a small file must not ask for a table of gigabytes.
constexpr std::size_t kMostGaps = 65'536;

Status check_type(const Place& place) {
  WATTLE_TRY(const auto type_place, place.find("type"));
  if (!type_place) return {};  // files of early versions name none
  WATTLE_TRY(const auto type, type_place->as_string());
  if (type == "BPE") return {};
  if (type == "Unigram") {
    return type_place->fail(
        ErrorCode::unsupported, "is 'Unigram', known is BPE",
        "Use a GGUF file of the same model, or its tokenizer.model if that is of the type BPE");
  }
  return type_place->fail(ErrorCode::unsupported, fmt::format("is '{}', known is BPE", type),
                          "Choose a model with a BPE tokenizer");
}

Status refuse_affix(const Place& place, std::string_view key) {
  WATTLE_TRY(const auto affix, place.find(key));
  if (!affix) return {};
  WATTLE_TRY(const auto text, affix->as_string());
  if (text.empty()) return {};
  return affix->fail(ErrorCode::unsupported,
                     fmt::format("is '{}', known are only tokenizers without it", text),
                     "Choose another model");
}

}  // namespace

Result<BpeModel> BpeModel::read(Document& document, const Place& place) {
  BpeModel model;
  WATTLE_CHECK(check_type(place));
  WATTLE_CHECK(model.read_options(place));
  WATTLE_CHECK(model.take_vocabulary(document, place));
  WATTLE_CHECK(model.take_merges(document, place));
  model.find_characters();
  WATTLE_TRY(const auto unknown, place.find("unk_token"));
  if (unknown) {
    WATTLE_TRY(const auto name, unknown->as_string());
    model.unknown_ = model.find(name);
  }
  return model;
}

Status BpeModel::read_options(const Place& place) {
  WATTLE_CHECK(refuse_affix(place, "continuing_subword_prefix"));
  WATTLE_CHECK(refuse_affix(place, "end_of_word_suffix"));
  WATTLE_TRY(const auto dropout, place.find("dropout"));
  if (dropout && !(dropout->value().is_number() && dropout->value().get<double>() == 0)) {
    return dropout->fail(ErrorCode::unsupported, "is not 0: the same text would get other ids",
                         "Set it to null");
  }
  WATTLE_TRY(byte_fallback_, place.bool_member("byte_fallback", false));
  WATTLE_TRY(fuse_unknown_, place.bool_member("fuse_unk", false));
  WATTLE_TRY(ignore_merges_, place.bool_member("ignore_merges", false));
  return {};
}

Status BpeModel::take_vocabulary(Document& document, const Place& place) {
  if (!document.has_vocabulary || document.vocabulary.empty()) {
    return place.fail(ErrorCode::invalid_format, "has no tokens in 'vocab'");
  }
  const auto largest =
      std::ranges::max(document.vocabulary, {}, &std::pair<std::string, std::int64_t>::second);
  if (largest.second >= static_cast<std::int64_t>(2 * document.vocabulary.size() + kMostGaps)) {
    return place.fail(ErrorCode::invalid_format,
                      fmt::format("gives the id {} to '{}', far more than its {} tokens",
                                  largest.second, largest.first, document.vocabulary.size()));
  }
  tokens_.resize(static_cast<std::size_t>(largest.second) + 1);
  ids_.reserve(document.vocabulary.size());
  std::vector<bool> used(tokens_.size());
  for (auto& [token, id] : document.vocabulary) {
    const auto i = static_cast<std::size_t>(id);
    if (used[i] || !ids_.try_emplace(token, static_cast<TokenId>(id)).second) {
      return place.fail(ErrorCode::invalid_format,
                        fmt::format("has the token '{}' or its id {} twice in 'vocab'", token, id));
    }
    used[i] = true;
    tokens_[i] = std::move(token);
  }
  document.vocabulary.clear();
  return {};
}

Status BpeModel::take_merges(Document& document, const Place& place) {
  if (!document.has_merges) return place.fail(ErrorCode::invalid_format, "has no 'merges'");
  auto& merges = document.merges;
  merges_ = PairTable(merges.size());
  std::string joined;
  // Of two equal merges the last one counts.
  for (std::size_t rank = merges.size(); rank-- > 0;) {
    const auto& [left, right] = merges[rank];
    joined = left;
    joined += right;
    const auto left_id = find(left);
    const auto right_id = find(right);
    const auto id = find(joined);
    if (!left_id || !right_id || !id) {
      return place.fail(
          ErrorCode::invalid_format,
          fmt::format("merges '{}' and '{}' (number {}), but '{}' is no token", left, right, rank,
                      !left_id    ? left
                      : !right_id ? right
                                  : joined));
    }
    merges_.add(static_cast<std::uint32_t>(*left_id), static_cast<std::uint32_t>(*right_id),
                {static_cast<std::uint32_t>(rank), static_cast<std::uint32_t>(*id)});
  }
  merges = {};
  return {};
}

void BpeModel::find_characters() {
  characters_.assign(kFirstFarCharacter, -1);
  byte_tokens_.fill(-1);
  for (std::uint32_t point = 0; point < kFirstFarCharacter; ++point) {
    std::string character;
    append_utf8(point, character);
    characters_[point] = find(character).value_or(-1);
  }
  for (unsigned byte = 0; byte < 256; ++byte) {
    byte_tokens_[byte] = find(fmt::format("<0x{:02X}>", byte)).value_or(-1);
  }
}

std::optional<TokenId> BpeModel::find(std::string_view token) const {
  const auto found = ids_.find(token);
  return found == ids_.end() ? std::nullopt : std::optional(found->second);
}

std::optional<TokenId> BpeModel::find_character(std::string_view character) const {
  const std::uint32_t point = utf8_code_point(character, character.size());
  if (point >= kFirstFarCharacter) return find(character);
  return characters_[point] < 0 ? std::nullopt : std::optional(characters_[point]);
}

std::optional<TokenId> BpeModel::byte_token(std::uint8_t byte) const {
  if (!byte_fallback_ || byte_tokens_[byte] < 0) return std::nullopt;
  return byte_tokens_[byte];
}

void BpeModel::encode(std::string_view word, MergeWorkspace& workspace,
                      std::vector<TokenId>& tokens) const {
  if (ignore_merges_) {
    if (const auto whole = find(word)) {
      tokens.push_back(*whole);
      return;
    }
  }
  while (word.size() > kLongestWord) {
    const std::size_t end = utf8_valid_prefix(word.substr(0, kLongestWord));
    encode_block(word.substr(0, end), workspace, tokens);
    word.remove_prefix(end);
  }
  encode_block(word, workspace, tokens);
}

void BpeModel::encode_block(std::string_view word, MergeWorkspace& workspace,
                            std::vector<TokenId>& tokens) const {
  append_symbols(word, workspace);
  auto& symbols = workspace.symbols;
  if (symbols.empty()) return;
  merge_symbols(workspace, [&](const Symbol& left, const Symbol& right) {
    return merges_.find(left.id, right.id);
  });
  for (std::uint32_t i = 0; i != kNone; i = symbols[i].next) {
    tokens.push_back(static_cast<TokenId>(symbols[i].id));
  }
}

void BpeModel::append_symbols(std::string_view word, MergeWorkspace& workspace) const {
  auto& symbols = workspace.symbols;
  symbols.clear();
  const auto append = [&](TokenId token) {
    symbols.push_back({.id = static_cast<std::uint32_t>(token), .with_next = {}});
  };
  bool unknown_waits = false;
  const auto end_unknown = [&] {
    if (unknown_waits) append(*unknown_);
    unknown_waits = false;
  };
  while (!word.empty()) {
    const std::string_view character = word.substr(0, std::max<std::size_t>(utf8_length(word), 1));
    word.remove_prefix(character.size());
    if (const auto token = find_character(character)) {
      end_unknown();
      append(*token);
      continue;
    }
    const bool by_bytes = std::ranges::all_of(character, [&](char byte) {
      return byte_token(static_cast<std::uint8_t>(byte)).has_value();
    });
    if (by_bytes) {
      for (const char byte : character) append(*byte_token(static_cast<std::uint8_t>(byte)));
    } else if (unknown_) {
      if (!fuse_unknown_) end_unknown();
      unknown_waits = true;
    }
  }
  end_unknown();
}

}  // namespace wattle::engine::huggingface
