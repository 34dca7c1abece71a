// What a grammar costs for each token: masks that have to be worked out, masks that are known, and
// the check of one token. WATTLE_SHARED names a folder with vocab/ggml-vocab-*.gguf; without it
// there is nothing to measure.
#include <benchmark/benchmark.h>

#include <cstdlib>
#include <filesystem>
#include <map>

#include "engine/grammar.hpp"
#include "engine/grammar/mask_cache.hpp"
#include "engine/grammar/token_trie.hpp"

namespace wattle::engine {
namespace {

const char* const kSchema = R"({
  "type": "object",
  "properties": {
    "status": {"enum": ["ok", "warning", "alarm"]},
    "sensor": {"type": "string", "maxLength": 40},
    "cause": {"type": "string"},
    "confidence": {"type": "number", "minimum": 0, "maximum": 1},
    "actions": {"type": "array", "items": {"type": "string"}, "maxItems": 5},
    "readings": {"type": "array", "items": {"type": "object", "properties": {
      "name": {"type": "string"}, "value": {"type": "number"}}, "required": ["name", "value"]}}
  },
  "required": ["status", "sensor", "confidence"]
})";

// Places in a text: what is read before, and a name.
const std::map<std::string, std::string> kJsonPlaces = {
    {"start", ""},
    {"key", "{\""},
    {"text", R"({"name": "The quick)"},
    {"quote", R"({"name": "The quick")"},
    {"number", R"({"a": [1, 2)"},
    {"value", R"({"a": [1, )"},
    {"deep", R"({"a": [{"b": [{"c": {"d": [[["x)"},
};
const std::map<std::string, std::string> kSchemaPlaces = {
    {"start", ""},
    {"enum", R"({"status": ")"},
    {"counted_text", R"({"status": "ok", "sensor": "boiler r)"},
    {"text", R"({"status": "ok", "sensor": "boiler room", "cause": "a leak)"},
    {"number", R"({"status": "ok", "sensor": "boiler room", "confidence": 0.2)"},
};

std::shared_ptr<const Tokenizer> tokenizer_of(const std::filesystem::path& path) {
  static std::map<std::string, std::shared_ptr<const Tokenizer>> known;
  auto& tokenizer = known[path.string()];
  if (!tokenizer) tokenizer = Tokenizer::from_gguf(GgufFile::open(path).value()).value();
  return tokenizer;
}

struct Place {
  std::shared_ptr<const Grammar> grammar;
  std::shared_ptr<const Tokenizer> tokenizer;
  GrammarState state;
  Place(std::filesystem::path path, std::shared_ptr<const Grammar> of, const std::string& text)
      : grammar(std::move(of)), tokenizer(tokenizer_of(path)), state(grammar) {
    if (!state.accept(text)) std::abort();
  }
};

void report(benchmark::State& state, const Place& place, const TokenMask& mask) {
  state.counters["tokens"] = static_cast<double>(place.tokenizer->vocab_size());
  state.counters["allowed"] = static_cast<double>(mask.count());
}

// Nothing is known: what the first mask at a place costs.
void first_mask(benchmark::State& state, std::filesystem::path path,
                std::shared_ptr<const Grammar> grammar, std::string text) {
  const Place place(path, grammar, text);
  TokenMask mask(place.tokenizer->vocab_size());
  for (auto _ : state) {
    state.PauseTiming();
    grammar::MaskCache cache(
        std::shared_ptr<const grammar::Automaton>(grammar, &grammar->automaton()),
        place.tokenizer->trie());
    state.ResumeTiming();
    if (!cache.mask(place.state.configuration(), mask)) state.SkipWithError("no mask");
  }
  report(state, place, mask);
}

// One letter further, where the place before is known: each letter of a counted text is a new
// place.
void next_mask(benchmark::State& state, std::filesystem::path path,
               std::shared_ptr<const Grammar> grammar, std::string text) {
  const Place place(path, grammar, text);
  const Place next(path, grammar, text + "e");
  TokenMask mask(place.tokenizer->vocab_size());
  for (auto _ : state) {
    state.PauseTiming();
    grammar::MaskCache cache(
        std::shared_ptr<const grammar::Automaton>(grammar, &grammar->automaton()),
        place.tokenizer->trie());
    if (!cache.mask(place.state.configuration(), mask)) state.SkipWithError("no mask");
    state.ResumeTiming();
    if (!cache.mask(next.state.configuration(), mask)) state.SkipWithError("no mask");
  }
  report(state, place, mask);
}

void known_mask(benchmark::State& state, std::filesystem::path path,
                std::shared_ptr<const Grammar> grammar, std::string text) {
  const Place place(path, grammar, text);
  const TokenGrammar tokens(grammar, *place.tokenizer);
  TokenMask mask;
  for (auto _ : state) {
    if (!tokens.mask(place.state, mask)) state.SkipWithError("no mask");
  }
  report(state, place, mask);
}

void check_token(benchmark::State& state, std::filesystem::path path,
                 std::shared_ptr<const Grammar> grammar, std::string text) {
  const Place place(path, grammar, text);
  const TokenGrammar tokens(grammar, *place.tokenizer);
  const TokenId token = place.tokenizer->encode("name", {.add_special = false}).front();
  for (auto _ : state) benchmark::DoNotOptimize(tokens.allows(place.state, token));
}

void build_tree(benchmark::State& state, std::filesystem::path path) {
  const auto tokenizer = tokenizer_of(path);
  std::size_t n_nodes = 0;
  for (auto _ : state) n_nodes = TokenTrie(*tokenizer).nodes().size();
  state.counters["nodes"] = static_cast<double>(n_nodes);
}

void compile_schema(benchmark::State& state) {
  const Json schema = parse_json(kSchema, "schema").value();
  for (auto _ : state) benchmark::DoNotOptimize(Grammar::from_json_schema(schema).value());
}

void add_places(const std::string& prefix, const std::filesystem::path& path,
                const std::shared_ptr<const Grammar>& grammar,
                const std::map<std::string, std::string>& places) {
  for (const auto& [name, text] : places) {
    const std::string where = prefix + "/" + name;
    benchmark::RegisterBenchmark((where + "/first_mask").c_str(), first_mask, path, grammar, text)
        ->Unit(benchmark::kMicrosecond);
    if (name.ends_with("text")) {
      benchmark::RegisterBenchmark((where + "/next_mask").c_str(), next_mask, path, grammar, text)
          ->Unit(benchmark::kMicrosecond);
    }
    benchmark::RegisterBenchmark((where + "/known_mask").c_str(), known_mask, path, grammar, text)
        ->Unit(benchmark::kMicrosecond);
    benchmark::RegisterBenchmark((where + "/check_token").c_str(), check_token, path, grammar, text)
        ->Unit(benchmark::kMicrosecond);
  }
}

[[maybe_unused]] const bool registered = [] {
  benchmark::RegisterBenchmark("compile_schema", compile_schema)->Unit(benchmark::kMicrosecond);
  const char* shared = std::getenv("WATTLE_SHARED");
  if (shared == nullptr) return true;
  const Json schema = parse_json(kSchema, "schema").value();
  for (const std::string name : {"llama-bpe", "deepseek-llm", "llama-spm"}) {
    const auto path = std::filesystem::path(shared) / "vocab" / ("ggml-vocab-" + name + ".gguf");
    if (!std::filesystem::exists(path)) continue;
    benchmark::RegisterBenchmark((name + "/tree").c_str(), build_tree, path)
        ->Unit(benchmark::kMicrosecond);
    add_places(name + "/json", path, Grammar::json(), kJsonPlaces);
    add_places(name + "/schema", path, Grammar::from_json_schema(schema).value(), kSchemaPlaces);
  }
  return true;
}();

}  // namespace
}  // namespace wattle::engine
