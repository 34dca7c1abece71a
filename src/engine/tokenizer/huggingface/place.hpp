#pragma once
// A value in a JSON file and where it stands, so that every error can name the place.

#include <cstdint>
#include <initializer_list>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/json.hpp"
#include "base/result.hpp"

namespace wattle::engine::huggingface {

// Refers to the value and to the source's name: both must outlive it.
class Place {
 public:
  // `pointer` is "" for the whole file.
  Place(const Json& value, const std::string& source, std::string pointer = {})
      : value_(&value), source_(&source), pointer_(std::move(pointer)) {}

  [[nodiscard]] const Json& value() const { return *value_; }
  [[nodiscard]] const std::string& source() const { return *source_; }
  [[nodiscard]] const std::string& pointer() const { return pointer_; }

  // The member `key`; nullopt if it is absent or null. An error if this is no object.
  [[nodiscard]] Result<std::optional<Place>> find(std::string_view key) const;
  // The same, where absence is an error.
  [[nodiscard]] Result<Place> member(std::string_view key) const;
  // The elements; an error if this is no array, or one of more than `most`.
  [[nodiscard]] Result<std::vector<Place>> elements(std::size_t most) const;

  // Lives as long as the value.
  [[nodiscard]] Result<std::string_view> as_string() const;
  [[nodiscard]] Result<bool> as_bool() const;
  // A whole number from 0 to `most`.
  [[nodiscard]] Result<std::int64_t> as_number(std::int64_t most) const;

  [[nodiscard]] Result<std::string_view> string_member(std::string_view key) const;
  // `fallback` if the member is absent or null.
  [[nodiscard]] Result<bool> bool_member(std::string_view key, bool fallback) const;

  // "cannot read SOURCE: POINTER PROBLEM".
  [[nodiscard]] std::unexpected<Error> fail(ErrorCode code, const std::string& problem,
                                            std::string remedy = "Download the file again") const;
  // This names a kind that Wattle does not know: "... is of the type 'X', known are A, B".
  [[nodiscard]] std::unexpected<Error> unknown_type(
      std::string_view type, std::initializer_list<std::string_view> known) const;

 private:
  const Json* value_;
  const std::string* source_;
  std::string pointer_;
};

}  // namespace wattle::engine::huggingface
