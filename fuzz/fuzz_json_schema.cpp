// Any JSON as a schema, then, behind a zero byte, choices: an error, or a grammar whose texts are
// JSON that is valid under the schema.
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string>
#include <string_view>

#include "engine/grammar.hpp"
#include "engine/grammar/schema_checker.hpp"
#include "engine/grammar/test_tokenizer.hpp"

namespace {

using namespace wattle;
using namespace wattle::engine;

const Tokenizer& tokenizer() {
  static const auto made = small_tokenizer();
  return *made;
}

// A text that the choices lead to; empty if it does not end in time. Without choices left, the last
// allowed token is taken, or the end.
std::string write_text(const std::shared_ptr<const Grammar>& grammar, std::string_view choices) {
  const TokenGrammar tokens(grammar, tokenizer());
  GrammarState state(grammar);
  TokenMask mask;
  std::string text;
  for (std::size_t i = 0; i < 150; ++i) {
    if (state.must_end() || (i >= choices.size() && state.can_end())) return text;
    if (!tokens.mask(state, mask)) return {};
    std::vector<TokenId> allowed;
    mask.each([&](TokenId token) { allowed.push_back(token); });
    if (allowed.empty()) std::abort();  // the vocabulary has every byte
    const std::size_t choice =
        i < choices.size() ? static_cast<unsigned char>(choices[i]) * 7U : allowed.size() - 1;
    const TokenId token = allowed[choice % allowed.size()];
    if (tokenizer().is_end_of_generation(token)) return text;
    if (!tokens.accept(state, token)) return {};  // a limit
    text += tokenizer().piece(token);
  }
  return {};
}

// The checker knows no Unicode in patterns and compares numbers as doubles.
bool can_be_checked(std::string_view schema) {
  return schema.find("attern") == std::string_view::npos &&
         schema.find("imum") == std::string_view::npos &&
         schema.find('\\') == std::string_view::npos && schema.find('%') == std::string_view::npos;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view input(reinterpret_cast<const char*>(data), size);
  const std::size_t end = std::min(input.find('\0'), size);
  const auto schema = parse_json(input.substr(0, end), "fuzz");
  if (!schema) return 0;
  const auto grammar = Grammar::from_json_schema(*schema);
  if (!grammar) {
    if (grammar.error().what.empty() || grammar.error().remedy.empty()) std::abort();
    return 0;
  }
  const std::string text = write_text(*grammar, input.substr(std::min(end + 1, size)));
  if (text.empty()) return 0;
  const auto value = parse_json(text, "text");
  if (!value) std::abort();
  if (can_be_checked(input.substr(0, end)) && !SchemaChecker(*schema).valid(*value)) std::abort();
  return 0;
}
