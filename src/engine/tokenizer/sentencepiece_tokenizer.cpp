// tokenizer_from_sentencepiece(): the pieces of the model, and what the settings add to them.

#include <fmt/format.h>

#include <algorithm>

#include "engine/tokenizer/sentencepiece_model.hpp"
#include "engine/tokenizer_files.hpp"

namespace wattle::engine {
namespace {

constexpr const char* kRemedy = "Take all files from the same version of the model";
constexpr std::size_t kMostAdded = 65'536;

// Ids behind the last piece; what a setting calls special is so, too.
Status add_tokens(const SpecialTokenSettings& settings, Vocabulary& vocabulary) {
  for (const auto& added : settings.added) {
    const auto id = static_cast<std::size_t>(added.id);
    if (id >= vocabulary.tokens.size() + kMostAdded) {
      return fail(ErrorCode::invalid_format,
                  fmt::format("cannot use {}: added_tokens_decoder gives the id {} to '{}', the "
                              "model has {} pieces",
                              vocabulary.source, id, added.text, vocabulary.tokens.size()),
                  kRemedy);
    }
    if (id < vocabulary.tokens.size() && !vocabulary.tokens[id].empty()) {
      if (added.special && vocabulary.kinds[id] == TokenKind::normal) {
        vocabulary.kinds[id] = TokenKind::control;
      }
      continue;
    }
    if (id >= vocabulary.tokens.size()) {
      vocabulary.tokens.resize(id + 1);
      vocabulary.scores.resize(id + 1);
      vocabulary.kinds.resize(id + 1, TokenKind::unused);
    }
    vocabulary.tokens[id] = added.text;
    vocabulary.kinds[id] = added.special ? TokenKind::control : TokenKind::user_defined;
  }
  return {};
}

Status name_specials(const SpecialTokenSettings& settings, Vocabulary& vocabulary) {
  const auto take = [&](const std::optional<std::string>& name, std::optional<std::int64_t>& id) {
    if (!name) return true;
    const auto found = std::ranges::find(vocabulary.tokens, *name);
    if (found == vocabulary.tokens.end()) return false;
    id = found - vocabulary.tokens.begin();
    return true;
  };
  const bool known_eos = take(settings.eos, vocabulary.eos) || !settings.eos_ids.empty();
  if (!known_eos) {
    return fail(ErrorCode::invalid_format,
                fmt::format("cannot use {}: EOS is '{}', which is no token", vocabulary.source,
                            *settings.eos),
                kRemedy);
  }
  take(settings.bos, vocabulary.bos);
  take(settings.unknown, vocabulary.unknown);
  take(settings.padding, vocabulary.padding);
  vocabulary.more_ends = settings.eos_ids;
  vocabulary.add_bos = settings.add_bos;
  vocabulary.add_eos = settings.add_eos;
  return {};
}

// The model's own ids, and those of the settings, where they are outside of the vocabulary.
Status check_ids(const Vocabulary& vocabulary) {
  const auto n = static_cast<std::int64_t>(vocabulary.tokens.size());
  const auto check = [&](std::optional<std::int64_t> id, const char* what) -> Status {
    if (!id || (*id >= 0 && *id < n)) return {};
    return fail(ErrorCode::invalid_format,
                fmt::format("cannot use {}: {} has the id {}, the vocabulary has tokens 0 to {}",
                            vocabulary.source, what, *id, n - 1),
                kRemedy);
  };
  WATTLE_CHECK(check(vocabulary.bos, "BOS"));
  WATTLE_CHECK(check(vocabulary.eos, "EOS"));
  WATTLE_CHECK(check(vocabulary.unknown, "the unknown token"));
  WATTLE_CHECK(check(vocabulary.padding, "the padding token"));
  for (const auto id : vocabulary.more_ends) WATTLE_CHECK(check(id, "EOS"));
  return {};
}

}  // namespace

Result<std::shared_ptr<const Tokenizer>> tokenizer_from_sentencepiece(
    std::span<const std::byte> bytes, const std::string& source,
    const SpecialTokenSettings& settings) {
  WATTLE_TRY(auto vocabulary, read_sentencepiece_model(bytes, source));
  WATTLE_CHECK(add_tokens(settings, vocabulary));
  WATTLE_CHECK(name_specials(settings, vocabulary));
  WATTLE_CHECK(check_ids(vocabulary));
  return make_tokenizer(std::move(vocabulary));
}

}  // namespace wattle::engine
