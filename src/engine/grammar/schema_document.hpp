#pragma once
// A whole JSON schema: what its references mean, and questions about parts of it.

#include <string>

#include "base/json.hpp"
#include "base/result.hpp"

namespace wattle::engine::grammar {

class SchemaDocument {
 public:
  explicit SchemaDocument(const Json& root) : root_(root) {}

  // Not so large or deep that working with it would take long.
  [[nodiscard]] Status check_size() const;

  // "#", "#/$defs/a"; `pointer` is where the reference stands.
  [[nodiscard]] Result<const Json*> resolve(const std::string& reference,
                                            const std::string& pointer) const;
  // The constraints of a schema (or a boolean), with what $ref and allOf at its top add to them.
  [[nodiscard]] Result<Json> flatten(const Json& schema, const std::string& pointer);
  // merge_schemas() within the work that one document may take.
  [[nodiscard]] Result<Json> merge(const Json& a, const Json& b, const std::string& pointer);
  // Nothing that is produced for `a` is valid under `b` (both flattened), as far as can be told
  // from types, constants, and members that are required.
  [[nodiscard]] Result<bool> excludes(const Json& a, const Json& b);

 private:
  [[nodiscard]] Result<Json> flatten_within(const Json& schema, const std::string& pointer,
                                            int depth);
  [[nodiscard]] Result<bool> excludes_within(const Json& a, const Json& b, int depth);
  [[nodiscard]] Result<bool> all_exclude(const Json& a, const Json& b, int depth);
  [[nodiscard]] Result<bool> excludes_objects(const Json& a, const Json& b, int depth);
  [[nodiscard]] Status spend(std::uint64_t work, const std::string& pointer);

  const Json& root_;
  std::uint64_t work_ = 0;  // values looked at
};

}  // namespace wattle::engine::grammar
