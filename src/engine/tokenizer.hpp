#pragma once
// Text ↔ token ids, from the vocabulary inside a GGUF file.
//   "llama": SentencePiece-style BPE by score with byte fallback.   "gpt2": byte-level BPE by
//   merges.
// Immutable after construction; safe to share between threads.

#include <cstdint>
#include <memory>
#include <mutex>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.hpp"
#include "engine/gguf.hpp"

namespace wattle::engine {

using TokenId = std::int32_t;

struct SpecialTokens {
  std::optional<TokenId> bos, eos, eot, eom, unknown, padding;
  bool add_bos = false;
  bool add_eos = false;
};

struct EncodeOptions {
  bool add_special = true;     // BOS/EOS as the model's metadata asks
  bool parse_special = false;  // "<|eot_id|>" in the text becomes the control token
};

class TokenTrie;  // engine/grammar/token_trie.hpp

class Tokenizer {
 public:
  static Result<std::shared_ptr<const Tokenizer>> from_gguf(const GgufFile& file);
  virtual ~Tokenizer() = default;

  // Any bytes are accepted: invalid UTF-8 is encoded by byte tokens where the vocabulary has them,
  // otherwise as U+FFFD / unknown, never an error. Linear-time merges (n log n at worst).
  [[nodiscard]] virtual std::vector<TokenId> encode(std::string_view text,
                                                    const EncodeOptions& options) const = 0;
  // Bytes of one token as they appear in running text; control tokens give "" unless
  // `show_special`. A character may be split over several tokens.
  [[nodiscard]] virtual std::string piece(TokenId token, bool show_special = false) const = 0;
  // decode(encode(x, no special)) == x for valid UTF-8, including the SentencePiece leading space.
  [[nodiscard]] virtual std::string decode(std::span<const TokenId> tokens,
                                           bool show_special = false) const = 0;
  [[nodiscard]] virtual std::size_t vocab_size() const = 0;
  [[nodiscard]] virtual const SpecialTokens& special() const = 0;
  // EOS, EOT and EOM tokens: generation ends at any of them.
  [[nodiscard]] virtual bool is_end_of_generation(TokenId token) const = 0;
  // The texts of all tokens as a tree, which grammars need; made at the first call.
  [[nodiscard]] std::shared_ptr<const TokenTrie> trie() const;

 private:
  mutable std::once_flag trie_once_;
  mutable std::shared_ptr<const TokenTrie> trie_;
};

}  // namespace wattle::engine
