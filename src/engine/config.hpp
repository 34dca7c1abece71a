#pragma once
// The keys of a GGUF file that describe a model's shape, checked.

#include "base/result.hpp"
#include "engine/gguf.hpp"
#include "engine/model.hpp"

namespace wattle::engine {

// What sets an architecture apart, beyond sizes. One row of the table in config.cpp each.
struct Architecture {
  const char* name;     // general.architecture, and the prefix of its keys
  const char* tensors;  // in words, for documentation and errors
};

// nullptr: not supported.
[[nodiscard]] const Architecture* find_architecture(const std::string& name);

// Errors name the file, the key, and what would be valid.
[[nodiscard]] Result<ModelConfig> read_config(const GgufFile& file);

}  // namespace wattle::engine
