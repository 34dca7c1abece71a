#pragma once
// What generate() and Scheduler::submit() ask of their arguments.

#include <span>

#include "engine/generate.hpp"

namespace wattle::engine {

// Errors: empty prompt, ids outside the vocabulary, a prompt longer than `context`; options out of
// range or that contradict each other; an exit layer outside the model.
[[nodiscard]] Status check_request(const ModelConfig& config, std::span<const TokenId> prompt,
                                   std::uint32_t context, const GenerateOptions& options);

}  // namespace wattle::engine
