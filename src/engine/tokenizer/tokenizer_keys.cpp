// tokenizer_keys(): a folder's tokenizer as a GGUF file says it.

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <map>
#include <system_error>

#include "base/mapped_file.hpp"
#include "engine/model_files.hpp"
#include "engine/tokenizer/huggingface/added_tokens.hpp"
#include "engine/tokenizer/huggingface/document.hpp"
#include "engine/tokenizer/pre_tokenizer.hpp"
#include "engine/tokenizer/sentencepiece_model.hpp"
#include "engine/tokenizer/vocabulary.hpp"
#include "engine/tokenizer_files.hpp"

namespace wattle::engine {
namespace {

namespace fs = std::filesystem;

constexpr std::uint32_t kU32 = 4;
constexpr std::uint32_t kI32 = 5;
constexpr std::uint32_t kF32 = 6;
constexpr std::uint32_t kBool = 7;
constexpr std::uint32_t kString = 8;
constexpr std::uint32_t kArray = 9;

// What pre-tokenizers differ in: contractions in either case, digits, white space and line breaks,
// punctuation, scripts, combining marks (composed, since a GGUF vocabulary does not normalise).
constexpr auto kProbes = std::to_array<std::string_view>({
    "Hello, world!",
    " Hello  World   again",
    "I'm, I'M you're YOU'RE he'll HE'LL they'd it's IT'S we've WE'VE",
    "3 33 333 3333 33333 333333 3.14159 1,000,000 v2.0.1 0x1F600 12ab34",
    "line\nnext\r\nlast\n\n\nthree\n \n\t\n  end  \n",
    "\t tab  \t two\t\ttabs \xC2\xA0nbsp",
    "for (int i = 0; i < n_items; ++i) { sum += a[i] * b[i]; }  // done!!",
    "$5 + 10% = <ok> ~x^2 | a||b && `q` \"quoted\" (paren) [bracket] {brace} #tag @home",
    "na\xC3\xAFve caf\xC3\xA9 \xC3\x84rger stra\xC3\x9F"
    "e \xC5\x93uvre",
    "\xD0\x9F\xD1\x80\xD0\xB8\xD0\xB2\xD0\xB5\xD1\x82, \xD0\xBC\xD0\xB8\xD1\x80! 2024 "
    "\xD0\xB3\xD0\xBE\xD0\xB4",
    "\xE4\xBD\xA0\xE5\xA5\xBD\xEF\xBC\x8C\xE4\xB8\x96\xE7\x95\x8C\xE3\x80\x82\xE4\xBB\x8A\xE5\xA4"
    "\xA9 2 \xE7\x82\xB9",
    "\xE3\x81\x93\xE3\x82\x93\xE3\x81\xAB\xE3\x81\xA1\xE3\x81\xAF \xEC\x95\x88\xEB\x85\x95",
    "\xD9\x85\xD8\xB1\xD8\xAD\xD8\xA8\xD8\xA7 \xD9\xA1\xD9\xA2\xD9\xA3 \xE0\xA4\xA8\xE0\xA4\xAE"
    "\xE0\xA4\xB8\xE0\xA5\x8D\xE0\xA4\xA4\xE0\xA5\x87",
    "\xF0\x9F\x9A\x80\xF0\x9F\x98\x80 \xF0\x9F\x91\xA9\xE2\x80\x8D\xF0\x9F\x9A\x80!! \xE2\x82\xAC",
    "...!?!? --- ___ ***bold*** _it_ \xE2\x80\x94 \xE2\x80\x9Cquotes\xE2\x80\x9D \xE2\x80\xA6",
    "mixedCASEWords camelCase SHOUTING under_score kebab-case e.g. U.S.A.",
    "The temperature is 71.5 F; humidity 43%.",
});

bool same_ids(const Tokenizer& a, const Tokenizer& b) {
  const EncodeOptions plain{.add_special = false, .parse_special = false};
  return std::ranges::all_of(kProbes, [&](std::string_view probe) {
    return a.encode(probe, plain) == b.encode(probe, plain);
  });
}

class Exporter {
 public:
  Exporter(fs::path folder, std::size_t n_tokens)
      : folder_(std::move(folder)), n_tokens_(n_tokens) {}

  Result<GgufKeys> run() {
    WATTLE_TRY(own_, open_tokenizer(folder_));
    if (own_->vocab_size() > n_tokens_) {
      return fail(ErrorCode::invalid_format,
                  fmt::format("cannot convert {}: its tokenizer has {} tokens, the embedding {} "
                              "rows",
                              folder_.string(), own_->vocab_size(), n_tokens_),
                  "Take all files from the same version of the model.");
    }
    std::error_code ignored;
    if (fs::exists(folder_ / "tokenizer.json", ignored)) {
      WATTLE_CHECK(read_json());
    } else {
      WATTLE_CHECK(read_sentencepiece());
    }
    WATTLE_CHECK(agree());
    return keys();
  }

 private:
  Status read_sentencepiece() {
    WATTLE_TRY(const auto mapped, MappedFile::open(folder_ / "tokenizer.model"));
    WATTLE_TRY(vocabulary_, read_sentencepiece_model(mapped.bytes(), mapped_name()));
    return {};
  }

  [[nodiscard]] std::string mapped_name() const { return (folder_ / "tokenizer.model").string(); }

  Status read_json() {
    const std::string name = (folder_ / "tokenizer.json").string();
    WATTLE_TRY(const auto mapped, MappedFile::open(name));
    const auto bytes = mapped.bytes();
    WATTLE_TRY(auto document,
               huggingface::read_document(
                   {reinterpret_cast<const char*>(bytes.data()), bytes.size()}, name));
    const huggingface::Place file(document.rest, name);
    WATTLE_TRY(const auto added, huggingface::read_added_tokens(file));
    WATTLE_TRY(const auto model, file.member("model"));
    WATTLE_TRY(const bool byte_fallback, model.bool_member("byte_fallback", false));
    vocabulary_.source = name;
    vocabulary_.model = byte_fallback ? VocabularyModel::score_bpe : VocabularyModel::byte_bpe;
    vocabulary_.tokens.resize(own_->vocab_size());
    vocabulary_.kinds.assign(own_->vocab_size(), TokenKind::unused);
    for (auto& [token, id] : document.vocabulary) put(id, token, TokenKind::normal);
    for (const auto& token : added) {
      put(token.id, token.content, token.special ? TokenKind::control : TokenKind::user_defined);
    }
    if (byte_fallback) {
      score_merges(document);
    } else {
      vocabulary_.merges = std::move(document.merges);
    }
    return {};
  }

  void put(std::int64_t id, const std::string& token, TokenKind kind) {
    const auto i = static_cast<std::size_t>(id);  // open_tokenizer() has checked it
    const bool is_byte = kind == TokenKind::normal && byte_of_name(token) &&
                         vocabulary_.model == VocabularyModel::score_bpe;
    vocabulary_.tokens[i] = token;
    vocabulary_.kinds[i] = is_byte ? TokenKind::byte : kind;
  }

  // SentencePiece makes the merges of its tokens in the order of their scores; this is the way
  // back.
  void score_merges(const huggingface::Document& document) {
    std::map<std::string_view, std::size_t> ids;
    for (std::size_t i = 0; i < vocabulary_.tokens.size(); ++i) ids[vocabulary_.tokens[i]] = i;
    vocabulary_.scores.assign(vocabulary_.tokens.size(), 0.0F);
    for (std::size_t rank = document.merges.size(); rank-- > 0;) {
      const auto& [left, right] = document.merges[rank];
      const auto found = ids.find(left + right);
      if (found != ids.end()) vocabulary_.scores[found->second] = -static_cast<float>(rank);
    }
  }

  // What the settings beside the vocabulary add to it, the folder's own tokenizer knows.
  void complete_tokens() {
    vocabulary_.tokens.resize(own_->vocab_size());
    vocabulary_.kinds.resize(own_->vocab_size(), TokenKind::normal);
    if (vocabulary_.model == VocabularyModel::score_bpe) {
      vocabulary_.scores.resize(own_->vocab_size());
    }
    for (std::size_t i = 0; i < own_->vocab_size(); ++i) {
      const auto id = static_cast<TokenId>(i);
      std::string& token = vocabulary_.tokens[i];
      TokenKind& kind = vocabulary_.kinds[i];
      if (token.empty()) token = own_->piece(id, true);
      const bool hidden = own_->piece(id).empty() && !own_->piece(id, true).empty();
      if (kind == TokenKind::normal && hidden) kind = TokenKind::control;
      if (token.empty()) {
        token = fmt::format("[UNUSED{}]", i);
        kind = TokenKind::unused;
      }
    }
  }

  void name_specials() {
    const SpecialTokens& special = own_->special();
    vocabulary_.bos = special.bos;
    vocabulary_.eos = special.eos;
    vocabulary_.eot = special.eot;
    vocabulary_.eom = special.eom;
    vocabulary_.unknown = special.unknown;
    vocabulary_.padding = special.padding;
    vocabulary_.add_bos = special.add_bos;
    vocabulary_.add_eos = special.add_eos;
    if (special.unknown && vocabulary_.model == VocabularyModel::score_bpe) {
      vocabulary_.kinds[static_cast<std::size_t>(*special.unknown)] = TokenKind::unknown;
    }
    for (std::size_t i = vocabulary_.tokens.size(); i < n_tokens_; ++i) {
      vocabulary_.tokens.push_back(fmt::format("[PAD{}]", i));
      vocabulary_.kinds.push_back(TokenKind::unused);
      if (!vocabulary_.scores.empty()) vocabulary_.scores.push_back(0.0F);
    }
  }

  // Would a reader of the keys encode as the folder does?
  Status agree() {
    complete_tokens();
    name_specials();
    // A GGUF file has no key for this: its readers never drop spaces.
    vocabulary_.remove_extra_spaces = false;
    const auto agrees = [&]() {
      const auto candidate = make_tokenizer(vocabulary_);
      return candidate && same_ids(*own_, **candidate);
    };
    if (vocabulary_.model == VocabularyModel::score_bpe) {
      for (const bool prefix : {true, false}) {
        vocabulary_.add_space_prefix = prefix;
        if (agrees()) return {};
      }
    } else {
      for (const std::string_view name : PreTokenizer::known_names()) {
        vocabulary_.pre = name;
        if (agrees()) return {};
      }
    }
    return fail(ErrorCode::unsupported,
                fmt::format("cannot convert {}: no tokenizer that GGUF has a name for gives the "
                            "ids of its own",
                            folder_.string()),
                "Run the folder itself: every command takes it as -m.");
  }

  void put_key(const std::string& key, std::uint32_t type, auto value) {
    keys_.emplace_back("tokenizer.ggml." + key, GgufValue{type, std::move(value)});
  }

  void put_array(const std::string& key, std::uint32_t element_type, auto values) {
    put_key(key, kArray, GgufArray{element_type, std::move(values)});
  }

  GgufKeys keys() {
    const bool by_score = vocabulary_.model == VocabularyModel::score_bpe;
    put_key("model", kString, std::string(by_score ? "llama" : "gpt2"));
    put_key("pre", kString, by_score ? std::string("default") : vocabulary_.pre);
    put_array("tokens", kString, vocabulary_.tokens);
    std::vector<std::int64_t> kinds;
    for (const TokenKind kind : vocabulary_.kinds) kinds.push_back(static_cast<int>(kind));
    put_array("token_type", kI32, std::move(kinds));
    if (by_score) {
      put_array("scores", kF32,
                std::vector<double>(vocabulary_.scores.begin(), vocabulary_.scores.end()));
      put_key("add_space_prefix", kBool, vocabulary_.add_space_prefix);
    } else {
      std::vector<std::string> merges;
      for (const auto& [left, right] : vocabulary_.merges) merges.push_back(left + " " + right);
      put_array("merges", kString, std::move(merges));
    }
    const auto put_id = [&](const char* key, const std::optional<std::int64_t>& id) {
      if (id) put_key(key, kU32, static_cast<std::uint64_t>(*id));
    };
    put_id("bos_token_id", vocabulary_.bos);
    put_id("eos_token_id", vocabulary_.eos);
    put_id("eot_token_id", vocabulary_.eot);
    put_id("eom_token_id", vocabulary_.eom);
    put_id("unknown_token_id", vocabulary_.unknown);
    put_id("padding_token_id", vocabulary_.padding);
    put_key("add_bos_token", kBool, vocabulary_.add_bos.value_or(false));
    put_key("add_eos_token", kBool, vocabulary_.add_eos.value_or(false));
    return std::move(keys_);
  }

  fs::path folder_;
  std::size_t n_tokens_;
  std::shared_ptr<const Tokenizer> own_;
  Vocabulary vocabulary_;
  GgufKeys keys_;
};

}  // namespace

Result<GgufKeys> tokenizer_keys(const std::filesystem::path& folder, std::size_t n_tokens) {
  return Exporter(folder, n_tokens).run();
}

}  // namespace wattle::engine
