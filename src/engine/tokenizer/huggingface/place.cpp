#include "engine/tokenizer/huggingface/place.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include "engine/tokenizer/huggingface/document.hpp"

namespace wattle::engine::huggingface {

Result<std::optional<Place>> Place::find(std::string_view key) const {
  if (!value_->is_object()) return fail(ErrorCode::invalid_format, "is no object");
  const auto found = value_->find(std::string(key));
  if (found == value_->end() || found->is_null()) return std::optional<Place>();
  return std::optional<Place>(Place(*found, *source_, pointer_ + pointer_step(key)));
}

Result<Place> Place::member(std::string_view key) const {
  WATTLE_TRY(auto found, find(key));
  if (!found) return fail(ErrorCode::invalid_format, fmt::format("has no '{}'", key));
  return std::move(*found);
}

Result<std::vector<Place>> Place::elements(std::size_t most) const {
  if (!value_->is_array()) return fail(ErrorCode::invalid_format, "is no array");
  if (value_->size() > most) {
    return fail(ErrorCode::unsupported,
                fmt::format("has {} elements, at most {} are read", value_->size(), most),
                "Choose a model with a simpler tokenizer");
  }
  std::vector<Place> places;
  for (const Json& element : *value_) {
    places.emplace_back(element, *source_, fmt::format("{}/{}", pointer_, places.size()));
  }
  return places;
}

Result<std::string_view> Place::as_string() const {
  if (!value_->is_string()) return fail(ErrorCode::invalid_format, "is no string");
  return std::string_view(value_->get_ref<const std::string&>());
}

Result<bool> Place::as_bool() const {
  if (!value_->is_boolean()) {
    return fail(ErrorCode::invalid_format, "is neither true nor false");
  }
  return value_->get<bool>();
}

Result<std::int64_t> Place::as_number(std::int64_t most) const {
  const bool is_number = value_->is_number_integer();
  const std::int64_t number = is_number ? value_->get<std::int64_t>() : -1;
  if (number < 0 || number > most) {
    return fail(ErrorCode::invalid_format, fmt::format("is no whole number from 0 to {}", most));
  }
  return number;
}

Result<std::string_view> Place::string_member(std::string_view key) const {
  WATTLE_TRY(const auto place, member(key));
  return place.as_string();
}

Result<bool> Place::bool_member(std::string_view key, bool fallback) const {
  WATTLE_TRY(const auto place, find(key));
  return place ? place->as_bool() : fallback;
}

std::unexpected<Error> Place::fail(ErrorCode code, const std::string& problem,
                                   std::string remedy) const {
  return wattle::fail(
      code,
      fmt::format("cannot read {}: {} {}", *source_, pointer_.empty() ? "it" : pointer_, problem),
      std::move(remedy));
}

std::unexpected<Error> Place::unknown_type(std::string_view type,
                                           std::initializer_list<std::string_view> known) const {
  return fail(ErrorCode::unsupported,
              fmt::format("is of the type '{}', known are {}", type, fmt::join(known, ", ")),
              "Use a GGUF file of the same model, or choose another model");
}

}  // namespace wattle::engine::huggingface
