#pragma once
// What a scheduler may be asked for, and how many pages its KV cache gets.

#include <cstddef>

#include "base/result.hpp"
#include "engine/kv_cache.hpp"
#include "engine/scheduler.hpp"

namespace wattle::engine {

[[nodiscard]] Status check_scheduler_options(const SchedulerOptions& options,
                                             const ModelConfig& config);
// Of options that name a context.
[[nodiscard]] Result<std::size_t> count_pages(const SchedulerOptions& options,
                                              const KvLayout& layout);

}  // namespace wattle::engine
