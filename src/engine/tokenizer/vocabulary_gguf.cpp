// The vocabulary of a GGUF file: the keys `tokenizer.ggml.*`.

#include <fmt/format.h>

#include <limits>

#include "engine/tokenizer/vocabulary.hpp"

namespace wattle::engine {
namespace {

constexpr const char* kConvertAgain = "Convert or download the model again";

std::unexpected<Error> missing(const GgufFile& file, const std::string& key,
                               const std::string& why) {
  return fail(
      ErrorCode::invalid_format,
      fmt::format("cannot read the vocabulary of {}: {} is missing{}", file.source(), key, why),
      kConvertAgain);
}

std::unexpected<Error> wrong_type(const GgufFile& file, const std::string& key,
                                  const char* wanted) {
  return fail(
      ErrorCode::invalid_format,
      fmt::format("cannot read the vocabulary of {}: {} is not {}", file.source(), key, wanted),
      kConvertAgain);
}

// nullptr: the key is absent.
template <class Element>
Result<const std::vector<Element>*> find_vector(const GgufFile& file, const std::string& key,
                                                const char* wanted) {
  if (file.find(key) == nullptr) return nullptr;
  const GgufArray* array = file.find_array(key);
  const auto* values =
      array != nullptr ? std::get_if<std::vector<Element>>(&array->values) : nullptr;
  if (values == nullptr) return wrong_type(file, key, wanted);
  return values;
}

Status read_tokens(const GgufFile& file, Vocabulary& vocabulary) {
  const std::string key = "tokenizer.ggml.tokens";
  WATTLE_TRY(const auto* tokens, find_vector<std::string>(file, key, "an array of strings"));
  if (tokens == nullptr) return missing(file, key, "");
  vocabulary.tokens = *tokens;
  return {};
}

Status read_scores(const GgufFile& file, Vocabulary& vocabulary) {
  const std::string key = "tokenizer.ggml.scores";
  WATTLE_TRY(const auto* scores, find_vector<double>(file, key, "an array of floats"));
  if (scores == nullptr) return missing(file, key, ", which the tokenizer model 'llama' needs");
  vocabulary.scores.reserve(scores->size());
  for (const double score : *scores) vocabulary.scores.push_back(static_cast<float>(score));
  return {};
}

Status read_kinds(const GgufFile& file, Vocabulary& vocabulary) {
  const std::string key = "tokenizer.ggml.token_type";
  if (file.find(key) == nullptr) return {};
  const GgufArray* array = file.find_array(key);
  if (array == nullptr) return wrong_type(file, key, "an array of integers");
  const auto convert = [&](const auto& values) -> Status {
    for (std::size_t i = 0; i < values.size(); ++i) {
      if (values[i] < 0 || values[i] > 6) {
        return fail(ErrorCode::invalid_format,
                    fmt::format("cannot read the vocabulary of {}: {} of token {} is {}, known are "
                                "0 to 6",
                                file.source(), key, i, values[i]),
                    kConvertAgain);
      }
      // 0 is "undefined": as good as normal.
      vocabulary.kinds.push_back(values[i] == 0 ? TokenKind::normal
                                                : static_cast<TokenKind>(values[i]));
    }
    return {};
  };
  if (const auto* integers = std::get_if<std::vector<std::int64_t>>(&array->values)) {
    return convert(*integers);
  }
  if (const auto* integers = std::get_if<std::vector<std::uint64_t>>(&array->values)) {
    return convert(*integers);
  }
  return wrong_type(file, key, "an array of integers");
}

Status read_merges(const GgufFile& file, Vocabulary& vocabulary) {
  const std::string key = "tokenizer.ggml.merges";
  WATTLE_TRY(const auto* merges, find_vector<std::string>(file, key, "an array of strings"));
  if (merges == nullptr) return missing(file, key, ", which the tokenizer model 'gpt2' needs");
  vocabulary.merges.reserve(merges->size());
  for (std::size_t i = 0; i < merges->size(); ++i) {
    const std::string& merge = (*merges)[i];
    const std::size_t space = merge.find(' ', 1);
    if (space == std::string::npos || space + 1 == merge.size()) {
      return fail(ErrorCode::invalid_format,
                  fmt::format("cannot read the vocabulary of {}: {}[{}] is not two parts with a "
                              "space between",
                              file.source(), key, i),
                  kConvertAgain);
    }
    vocabulary.merges.emplace_back(merge.substr(0, space), merge.substr(space + 1));
  }
  return {};
}

Status read_special_ids(const GgufFile& file, Vocabulary& vocabulary) {
  const auto read_id = [&](const char* name, std::optional<std::int64_t>& into) -> Status {
    const std::string key = fmt::format("tokenizer.ggml.{}_token_id", name);
    // Some converters write -1 for "none".
    const GgufValue* value = file.find(key);
    const auto* number = value != nullptr ? std::get_if<std::int64_t>(&value->value) : nullptr;
    if (number != nullptr && *number == -1) return {};
    WATTLE_TRY(const auto id, file.get_uint(key));
    if (id) {
      constexpr auto kLargest =
          static_cast<std::uint64_t>(std::numeric_limits<std::int64_t>::max());
      into = static_cast<std::int64_t>(std::min(*id, kLargest));
    }
    return {};
  };
  WATTLE_CHECK(read_id("bos", vocabulary.bos));
  WATTLE_CHECK(read_id("eos", vocabulary.eos));
  WATTLE_CHECK(read_id("eot", vocabulary.eot));
  WATTLE_CHECK(read_id("eom", vocabulary.eom));
  WATTLE_CHECK(read_id("unknown", vocabulary.unknown));
  WATTLE_CHECK(read_id("padding", vocabulary.padding));
  WATTLE_TRY(vocabulary.add_bos, file.get_bool("tokenizer.ggml.add_bos_token"));
  WATTLE_TRY(vocabulary.add_eos, file.get_bool("tokenizer.ggml.add_eos_token"));
  return {};
}

}  // namespace

Result<Vocabulary> read_vocabulary(const GgufFile& file) {
  Vocabulary vocabulary;
  vocabulary.source = file.source();
  WATTLE_TRY(const auto model, file.get_string("tokenizer.ggml.model"));
  if (!model) return missing(file, "tokenizer.ggml.model", "");
  WATTLE_CHECK(read_tokens(file, vocabulary));
  WATTLE_CHECK(read_kinds(file, vocabulary));
  if (*model == "llama") {
    vocabulary.model = VocabularyModel::score_bpe;
    WATTLE_CHECK(read_scores(file, vocabulary));
    WATTLE_TRY(const auto prefix, file.get_bool("tokenizer.ggml.add_space_prefix"));
    vocabulary.add_space_prefix = prefix.value_or(true);
    WATTLE_TRY(const auto architecture, file.get_string("general.architecture"));
    vocabulary.strip_space_after_specials = architecture.value_or("") == "phi3";
  } else if (*model == "gpt2") {
    vocabulary.model = VocabularyModel::byte_bpe;
    WATTLE_CHECK(read_merges(file, vocabulary));
    WATTLE_TRY(const auto pre, file.get_string("tokenizer.ggml.pre"));
    vocabulary.pre = pre.value_or("default");
  } else {
    return fail(ErrorCode::unsupported,
                fmt::format("cannot read the vocabulary of {}: tokenizer.ggml.model is '{}', known "
                            "are 'llama' and 'gpt2'",
                            file.source(), *model),
                "Choose a model with one of these tokenizers");
  }
  WATTLE_CHECK(read_special_ids(file, vocabulary));
  return vocabulary;
}

Result<std::shared_ptr<const Tokenizer>> Tokenizer::from_gguf(const GgufFile& file) {
  WATTLE_TRY(auto vocabulary, read_vocabulary(file));
  return make_tokenizer(std::move(vocabulary));
}

}  // namespace wattle::engine
