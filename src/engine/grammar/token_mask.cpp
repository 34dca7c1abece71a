#include "engine/grammar/token_mask.hpp"

namespace wattle::engine {

std::optional<TokenId> TokenMask::argmax(std::span<const float> logits) const {
  std::optional<TokenId> best;
  float largest = 0.0F;
  each([&](TokenId token) {
    const auto i = static_cast<std::size_t>(token);
    if (i >= logits.size()) return;
    // `largest` may not be a number; anything that is one is better.
    if (!best || logits[i] > largest || (largest != largest && logits[i] == logits[i])) {
      best = token;
      largest = logits[i];
    }
  });
  return best;
}

}  // namespace wattle::engine
