#pragma once
// What a tokenizer is made from, whatever file it came from (GGUF metadata, a SentencePiece model).
// Plain data; make_tokenizer() checks it. docs/formats/tokenizer.md says what each part means.

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <utility>
#include <vector>

#include "base/result.hpp"
#include "engine/gguf.hpp"
#include "engine/tokenizer.hpp"

namespace wattle::engine {

// The values are those of `tokenizer.ggml.token_type`.
enum class TokenKind : std::uint8_t {
  normal = 1,
  unknown = 2,       // stands for what the vocabulary cannot say
  control = 3,       // never comes from plain text; invisible when decoded
  user_defined = 4,  // always cut out of the text whole
  unused = 5,
  byte = 6,  // "<0x41>": one raw byte
};

enum class VocabularyModel {
  score_bpe,  // "llama": SentencePiece pieces, U+2581 for the space, merges by score
  byte_bpe,   // "gpt2": byte-level, merges by rank
};

struct Vocabulary {
  std::string source;  // names the file in errors
  VocabularyModel model = VocabularyModel::score_bpe;
  std::vector<std::string> tokens;
  std::vector<float> scores;     // [n_tokens]; score_bpe only
  std::vector<TokenKind> kinds;  // [n_tokens], or empty: told from names and ids
  std::vector<std::pair<std::string, std::string>> merges;  // best first; byte_bpe only
  std::string pre = "default";                              // pre-tokenizer; byte_bpe only

  // Ids as the file gives them: outside the vocabulary until checked.
  std::optional<std::int64_t> bos, eos, eot, eom, unknown, padding;
  std::vector<std::int64_t> more_ends;    // ids that end a generation as EOS does
  std::optional<bool> add_bos, add_eos;   // absent: the default of the model
  bool add_space_prefix = true;           // score_bpe only
  bool space_behind_user_defined = true;  // and not only at the beginning and behind control tokens
  bool remove_extra_spaces = false;       // score_bpe only: none at the ends, never two in a row
  bool strip_space_after_specials = false;  // Phi-3: "<|user|>\n" loses its newline
};

// Reads `tokenizer.ggml.*`. Errors name the file and the key.
Result<Vocabulary> read_vocabulary(const GgufFile& file);

// Checks and completes `vocabulary`: sizes, ids, kinds, default and well-known special tokens.
// Afterwards `kinds` has one entry a token. Gives the special tokens and all tokens that end a
// generation.
struct CheckedSpecials {
  SpecialTokens special;
  std::vector<TokenId> end_of_generation;  // sorted
};
Result<CheckedSpecials> check_vocabulary(Vocabulary& vocabulary);

Result<std::shared_ptr<const Tokenizer>> make_tokenizer(Vocabulary vocabulary);

// "<0x4F>" → 0x4F.
std::optional<std::uint8_t> byte_of_name(std::string_view token);

// Hash for maps keyed by std::string and searched by std::string_view.
struct TextHash {
  using is_transparent = void;
  std::size_t operator()(std::string_view text) const {
    return std::hash<std::string_view>{}(text);
  }
};
using TextToToken = std::unordered_map<std::string, TokenId, TextHash, std::equal_to<>>;

}  // namespace wattle::engine
