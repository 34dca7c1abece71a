#pragma once
// What generate() and Scheduler::submit() ask of their arguments.

#include <span>

#include "engine/generate.hpp"

namespace wattle::engine {

// Errors: no tokens, ids outside the vocabulary, more than `context` has room for after the `used`
// positions that are taken.
[[nodiscard]] Status check_tokens(const ModelConfig& config, std::uint32_t context,
                                  std::uint32_t used, std::span<const TokenId> tokens);
// Errors: a layer that the model does not have.
[[nodiscard]] Status check_exit_layer(const ModelConfig& config, std::uint32_t exit_layer);
// Errors: options out of range or that contradict each other.
[[nodiscard]] Status check_options(const ModelConfig& config, const GenerateOptions& options);

}  // namespace wattle::engine
