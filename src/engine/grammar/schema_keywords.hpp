#pragma once
// JSON Schema (draft 2020-12): which keywords there are, and whether their values make sense.

#include <set>
#include <string>
#include <string_view>

#include "base/json.hpp"
#include "base/result.hpp"

namespace wattle::engine::grammar {

inline constexpr std::uint32_t kMaxStringLength = 10'000;
inline constexpr std::uint32_t kMaxItems = 2000;
inline constexpr std::size_t kMaxListed = 2000;  // members, values or schemas of one keyword

// Errors name the place: "the JSON schema at #/properties/a/pattern: …".
[[nodiscard]] std::unexpected<Error> fail_at(const std::string& pointer, const std::string& what,
                                             std::string remedy,
                                             ErrorCode code = ErrorCode::unsupported);
// "#/a" + "b/c" → "#/a/b~1c"
[[nodiscard]] std::string pointer_to(const std::string& pointer, std::string_view key);
[[nodiscard]] std::string pointer_to(const std::string& pointer, std::size_t index);

// Says something, restricts nothing: title, description, default, $defs, "x-…".
[[nodiscard]] bool is_annotation(std::string_view keyword);
// The schema without its annotations.
[[nodiscard]] Json constraints_of(const Json& schema);

// One schema object, not those inside of it: only known keywords, with values of the right kind.
[[nodiscard]] Status check_keywords(const Json& schema, const std::string& pointer, bool is_root);

enum class JsonType : std::uint8_t { null, boolean, integer, number, string, array, object };
using JsonTypes = std::set<JsonType>;  // a number may be an integer; integer stands for those only
[[nodiscard]] JsonTypes all_types();
[[nodiscard]] const char* type_name(JsonType type);
// Types that the schema says or, if it does not say, that its keywords are about; all if it has
// none of them. Checked keywords only.
[[nodiscard]] JsonTypes types_of(const Json& schema);
// Types that are valid under the schema: all, if it does not say.
[[nodiscard]] JsonTypes valid_types_of(const Json& schema);
[[nodiscard]] JsonType type_of_value(const Json& value);
[[nodiscard]] bool has_type(const JsonTypes& types, JsonType type);
[[nodiscard]] JsonTypes common_types(const JsonTypes& a, const JsonTypes& b);
[[nodiscard]] Json to_json(const JsonTypes& types);
// Equal as JSON values: 1 is 1.0, members of objects have no order.
[[nodiscard]] bool same_value(const Json& a, const Json& b);

}  // namespace wattle::engine::grammar
