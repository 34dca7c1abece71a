#pragma once
// Tokenizers from files: GGUF, and what lies in a Hugging Face model folder: tokenizer.json (the
// format of Hugging Face's tokenizers) or tokenizer.model (SentencePiece). Which parts of these
// formats are understood: docs/formats/tokenizer.md. All else is refused by name.

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.hpp"
#include "engine/tokenizer.hpp"

namespace wattle::engine {

// What the files beside a vocabulary say about its special tokens. All of it may be absent.
struct SpecialTokenSettings {
  // By name, from tokenizer_config.json.
  std::optional<std::string> bos, eos, unknown, padding;
  std::optional<bool> add_bos, add_eos;  // absent: as the vocabulary itself says

  // By id, from generation_config.json or config.json; bos_id and padding_id count where there is
  // no name. Every one of eos_ids ends a generation.
  std::optional<std::int64_t> bos_id, padding_id;
  std::vector<std::int64_t> eos_ids;

  // "added_tokens_decoder": tokens that tokenizer.model does not have. tokenizer.json has them.
  struct Added {
    std::int64_t id = 0;
    std::string text;
    bool special = false;
  };
  std::vector<Added> added;
};

struct NamedText {
  std::string text;
  std::string source;  // names the text in errors
};

// Each file may be absent. generation_config.json goes before config.json. Errors name the file and
// the JSON pointer.
[[nodiscard]] Result<SpecialTokenSettings> read_special_token_settings(
    const std::optional<NamedText>& tokenizer_config,
    const std::optional<NamedText>& generation_config,
    const std::optional<NamedText>& config = std::nullopt);

// `text` is a tokenizer.json. Decoding follows its "decoder", so a text comes back as that has it:
// with a Metaspace decoder, for instance, without leading spaces.
[[nodiscard]] Result<std::shared_ptr<const Tokenizer>> tokenizer_from_json(
    std::string_view text, const std::string& source, const SpecialTokenSettings& settings = {});

// `bytes` are a tokenizer.model of the type BPE.
[[nodiscard]] Result<std::shared_ptr<const Tokenizer>> tokenizer_from_sentencepiece(
    std::span<const std::byte> bytes, const std::string& source,
    const SpecialTokenSettings& settings = {});

// A GGUF file, a tokenizer.json or a tokenizer.model (told by what is in them), or a folder with
// one of the last two, the JSON first. The settings are read from the files beside it.
[[nodiscard]] Result<std::shared_ptr<const Tokenizer>> open_tokenizer(
    const std::filesystem::path& path);

}  // namespace wattle::engine
