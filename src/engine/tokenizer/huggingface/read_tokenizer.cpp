// tokenizer_from_json(): reads the parts of a tokenizer.json and puts them together.

#include <fmt/format.h>

#include "engine/tokenizer/huggingface/json_tokenizer.hpp"
#include "engine/tokenizer/huggingface/specials.hpp"

namespace wattle::engine {
namespace huggingface {
namespace {

constexpr std::size_t kMostGaps = 65'536;  // ids that no token has

Result<Parts> read_parts(Document& document, const Place& file) {
  WATTLE_TRY(const auto normalizer_place, file.find("normalizer"));
  WATTLE_TRY(const auto pre_tokenizer_place, file.find("pre_tokenizer"));
  WATTLE_TRY(const auto post_processor_place, file.find("post_processor"));
  WATTLE_TRY(const auto decoder_place, file.find("decoder"));
  WATTLE_TRY(const auto model_place, file.member("model"));
  WATTLE_TRY(auto model, BpeModel::read(document, model_place));
  WATTLE_TRY(auto normalizer, Normalizer::read(normalizer_place));
  WATTLE_TRY(auto pre_tokenizer, PreTokenizer::read(pre_tokenizer_place));
  WATTLE_TRY(auto around, read_post_processor(post_processor_place));
  WATTLE_TRY(auto decoder, Decoder::read(decoder_place));
  WATTLE_TRY(auto added, read_added_tokens(file));
  return Parts{.normalizer = std::move(normalizer),
               .pre_tokenizer = std::move(pre_tokenizer),
               .model = std::move(model),
               .decoder = std::move(decoder),
               .added = std::move(added),
               .around = std::move(around)};
}

// The vocabulary and the added tokens by id. An added token may repeat one of the vocabulary.
Result<std::vector<TokenText>> all_tokens(Parts& parts, const Place& file) {
  std::vector<TokenText> tokens;
  std::size_t n_names = parts.added.size();
  for (auto& text : parts.model.take_tokens()) {
    n_names += text.empty() ? 0 : 1;
    tokens.push_back({std::move(text), false});
  }
  for (std::size_t i = 0; i < parts.added.size(); ++i) {
    const AddedToken& added = parts.added[i];
    const auto id = static_cast<std::size_t>(added.id);
    const auto wrong = [&](const std::string& why) {
      return file.fail(
          ErrorCode::invalid_format,
          fmt::format("/added_tokens/{} gives the id {} to '{}'{}", i, id, added.content, why));
    };
    if (id >= 2 * n_names + kMostGaps) return wrong(", far more than there are tokens");
    if (id >= tokens.size()) tokens.resize(id + 1);
    if (tokens[id].is_added) return wrong(", which an added token before it has");
    if (!tokens[id].text.empty() && tokens[id].text != added.content) {
      return wrong(fmt::format(", which /model/vocab gives to '{}'", tokens[id].text));
    }
    const auto in_model = parts.model.find(added.content);
    if (in_model && *in_model != added.id) {
      return wrong(fmt::format(", /model/vocab gives {} to it", *in_model));
    }
    tokens[id] = {added.content, true};
  }
  return tokens;
}

}  // namespace
}  // namespace huggingface

Result<std::shared_ptr<const Tokenizer>> tokenizer_from_json(std::string_view text,
                                                             const std::string& source,
                                                             const SpecialTokenSettings& settings) {
  using namespace huggingface;
  WATTLE_TRY(auto document, read_document(text, source));
  const Json rest = std::move(document.rest);
  const Place file(rest, source);
  WATTLE_TRY(auto parts, read_parts(document, file));
  WATTLE_TRY(auto tokens, all_tokens(parts, file));
  WATTLE_TRY(auto specials, find_specials(parts, tokens, settings, source));
  return std::make_shared<const JsonTokenizer>(std::move(parts), std::move(tokens),
                                               std::move(specials));
}

}  // namespace wattle::engine
