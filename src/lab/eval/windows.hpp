#pragma once
// How a long text is cut into windows that fit a context, and which of their tokens are scored.
// Definitions and how they relate to other programs: docs/evaluation.md.

#include <cstdint>
#include <optional>
#include <span>
#include <string_view>
#include <vector>

#include "base/result.hpp"
#include "engine/tokenizer.hpp"

namespace wattle::lab {

enum class WindowProtocol : std::uint8_t {
  // Every window begins with the model's begin-of-text token, if it uses one; every token of the
  // text is scored once.
  wattle,
  // llama.cpp's --perplexity: disjoint windows, the first token replaced by begin-of-text, the
  // second half scored.
  llama_cpp,
  // Hugging Face's strided evaluation: begin-of-text only where the text begins.
  hugging_face,
};

struct WindowOptions {
  std::uint32_t context = 512;  // tokens of a window, at least 2
  std::uint32_t stride = 0;     // tokens between the beginnings of windows; 0: disjoint windows
  WindowProtocol protocol = WindowProtocol::wattle;
  std::size_t max_windows = 0;  // 0: all
};

// The token at index i is predicted from those before it; i is scored if i ≥ first_scored ≥ 1.
struct Window {
  std::vector<engine::TokenId> tokens;
  std::size_t first_scored = 1;
  bool operator==(const Window&) const = default;
  [[nodiscard]] std::size_t n_scored() const { return tokens.size() - first_scored; }
};

// Windows in the order of the text, each with at least one scored token. Errors: context below 2 or
// stride larger than the context (tokens would never be scored), a text too short to score any.
[[nodiscard]] Result<std::vector<Window>> plan_windows(const engine::Tokenizer& tokenizer,
                                                       std::string_view text,
                                                       const WindowOptions& options);

// The same from token ids, for tests and for texts that are tokens already. `text` has no special
// tokens; `bos` is empty if the model does not begin texts with one.
[[nodiscard]] Result<std::vector<Window>> plan_windows(std::span<const engine::TokenId> text,
                                                       std::optional<engine::TokenId> bos,
                                                       const WindowOptions& options);

}  // namespace wattle::lab
