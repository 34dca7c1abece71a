// read_special_token_settings(): tokenizer_config.json, generation_config.json, config.json.

#include <charconv>
#include <limits>

#include "engine/tokenizer/huggingface/document.hpp"
#include "engine/tokenizer/huggingface/place.hpp"
#include "engine/tokenizer_files.hpp"

namespace wattle::engine {
namespace {

using huggingface::Place;

constexpr std::size_t kMostEnds = 1'000;
constexpr std::int64_t kLargestId = std::numeric_limits<TokenId>::max();

// "</s>", or {"content": "</s>", ...}.
Result<std::optional<std::string>> read_name(const Place& file, std::string_view key) {
  WATTLE_TRY(const auto place, file.find(key));
  if (!place) return std::optional<std::string>();
  if (!place->value().is_object()) {
    WATTLE_TRY(const auto name, place->as_string());
    return std::optional(std::string(name));
  }
  WATTLE_TRY(const auto name, place->string_member("content"));
  return std::optional(std::string(name));
}

Result<std::optional<bool>> read_flag(const Place& file, std::string_view key) {
  WATTLE_TRY(const auto place, file.find(key));
  if (!place) return std::optional<bool>();
  WATTLE_TRY(const bool flag, place->as_bool());
  return std::optional(flag);
}

Status read_added(const Place& file, SpecialTokenSettings& settings) {
  WATTLE_TRY(const auto decoder, file.find("added_tokens_decoder"));
  if (!decoder) return {};
  if (!decoder->value().is_object()) {
    return decoder->fail(ErrorCode::invalid_format, "is no object");
  }
  for (const auto& [key, value] : decoder->value().items()) {
    const Place place(value, file.source(), decoder->pointer() + huggingface::pointer_step(key));
    SpecialTokenSettings::Added added;
    const auto [end, error] = std::from_chars(key.data(), key.data() + key.size(), added.id);
    if (error != std::errc() || end != key.data() + key.size() || added.id < 0 ||
        added.id > kLargestId) {
      return place.fail(ErrorCode::invalid_format, "is under a key that is no token id");
    }
    WATTLE_TRY(added.text, place.string_member("content"));
    WATTLE_TRY(added.special, place.bool_member("special", false));
    settings.added.push_back(std::move(added));
  }
  return {};
}

Status read_tokenizer_config(const Place& file, SpecialTokenSettings& settings) {
  WATTLE_TRY(settings.bos, read_name(file, "bos_token"));
  WATTLE_TRY(settings.eos, read_name(file, "eos_token"));
  WATTLE_TRY(settings.unknown, read_name(file, "unk_token"));
  WATTLE_TRY(settings.padding, read_name(file, "pad_token"));
  WATTLE_TRY(settings.add_bos, read_flag(file, "add_bos_token"));
  WATTLE_TRY(settings.add_eos, read_flag(file, "add_eos_token"));
  return read_added(file, settings);
}

// An id, a list of ids, or -1 or null for none.
Result<std::vector<std::int64_t>> read_ids(const Place& file, std::string_view key) {
  std::vector<std::int64_t> ids;
  WATTLE_TRY(const auto place, file.find(key));
  if (!place || place->value() == -1) return ids;
  std::vector<Place> elements = {*place};
  if (place->value().is_array()) {
    WATTLE_TRY(elements, place->elements(kMostEnds));
  }
  for (const Place& element : elements) {
    WATTLE_TRY(const auto id, element.as_number(kLargestId));
    ids.push_back(id);
  }
  return ids;
}

// What an earlier file has said stays.
Status read_generation_config(const Place& file, SpecialTokenSettings& settings) {
  WATTLE_TRY(const auto bos, read_ids(file, "bos_token_id"));
  WATTLE_TRY(const auto padding, read_ids(file, "pad_token_id"));
  WATTLE_TRY(auto eos, read_ids(file, "eos_token_id"));
  if (!settings.bos_id && !bos.empty()) settings.bos_id = bos[0];
  if (!settings.padding_id && !padding.empty()) settings.padding_id = padding[0];
  if (settings.eos_ids.empty()) settings.eos_ids = std::move(eos);
  return {};
}

template <class Read>
Status read_file_with(const std::optional<NamedText>& file, const Read& read,
                      SpecialTokenSettings& settings) {
  if (!file) return {};
  WATTLE_TRY(const auto document, huggingface::read_document(file->text, file->source));
  return read(Place(document.rest, file->source), settings);
}

}  // namespace

Result<SpecialTokenSettings> read_special_token_settings(
    const std::optional<NamedText>& tokenizer_config,
    const std::optional<NamedText>& generation_config, const std::optional<NamedText>& config) {
  SpecialTokenSettings settings;
  WATTLE_CHECK(read_file_with(tokenizer_config, read_tokenizer_config, settings));
  WATTLE_CHECK(read_file_with(generation_config, read_generation_config, settings));
  WATTLE_CHECK(read_file_with(config, read_generation_config, settings));
  return settings;
}

}  // namespace wattle::engine
