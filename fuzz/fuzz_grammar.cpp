// A GBNF text, then, behind a zero byte, bytes to read with it: an error, or a grammar whose state
// does not depend on how the bytes are cut, and whose masks are what single tokens say.
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string_view>

#include "engine/grammar.hpp"
#include "engine/grammar/configuration.hpp"
#include "engine/grammar/test_tokenizer.hpp"

namespace {

using namespace wattle::engine;

const Tokenizer& tokenizer() {
  static const auto made = small_tokenizer();
  return *made;
}

// A token that is not accepted may still be in the mask if a limit is met on its way.
bool meets_limit(const GrammarState& state, std::string_view text) {
  grammar::Configuration now = state.configuration();
  for (const char byte : text) {
    now = grammar::advance(state.grammar()->automaton(), now, static_cast<std::uint8_t>(byte));
    if (now.overflow) return true;
  }
  return false;
}

void check_mask(const TokenGrammar& tokens, const GrammarState& state) {
  TokenMask mask;
  if (!tokens.mask(state, mask)) return;
  for (std::size_t i = 0; i < tokenizer().vocab_size(); ++i) {
    const auto token = static_cast<TokenId>(i);
    const bool allowed = tokens.allows(state, token);
    if (mask.test(token) == allowed) continue;
    if (allowed || !meets_limit(state, tokenizer().piece(token))) std::abort();
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view input(reinterpret_cast<const char*>(data), size);
  const std::size_t end = std::min(input.find('\0'), size);
  const auto grammar = Grammar::parse_gbnf(input.substr(0, end), "fuzz");
  if (!grammar) {
    if (grammar.error().what.empty() || grammar.error().remedy.empty()) std::abort();
    return 0;
  }
  const TokenGrammar tokens(*grammar, tokenizer());
  const std::string_view text = input.substr(std::min(end + 1, size)).substr(0, 200);
  GrammarState state(*grammar);
  check_mask(tokens, state);
  std::size_t n_read = 0;
  while (n_read < text.size() && state.accept(text.substr(n_read, 1))) ++n_read;
  check_mask(tokens, state);
  GrammarState whole(*grammar);
  if (!whole.accept(text.substr(0, n_read))) std::abort();
  if (whole.can_end() != state.can_end() || whole.must_end() != state.must_end()) std::abort();
  return 0;
}
