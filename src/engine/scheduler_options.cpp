#include "engine/scheduler_options.hpp"

#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>

namespace wattle::engine {
namespace {

constexpr std::uint32_t kMostSequences = 64;
constexpr std::uint32_t kMostTokens = 4096;

}  // namespace

Status check_scheduler_options(const SchedulerOptions& options, const ModelConfig& config) {
  if (options.max_sequences == 0 || options.max_sequences > kMostSequences) {
    return fail(ErrorCode::out_of_range,
                fmt::format("{} sequences at a time were asked for", options.max_sequences),
                fmt::format("Choose 1 to {}.", kMostSequences));
  }
  if (options.token_budget < options.max_sequences || options.token_budget > kMostTokens) {
    return fail(ErrorCode::out_of_range,
                fmt::format("a budget of {} tokens a step does not suit {} sequences",
                            options.token_budget, options.max_sequences),
                fmt::format("Choose {} (one for each sequence) to {}.", options.max_sequences,
                            kMostTokens));
  }
  if (options.context > config.context_length) {
    return fail(ErrorCode::out_of_range,
                fmt::format("a context of {} tokens was asked for, {} was made for {}",
                            options.context, config.name, config.context_length),
                fmt::format("Choose at most {}.", config.context_length));
  }
  return {};
}

// How many pages the pool holds.
Result<std::size_t> count_pages(const SchedulerOptions& options, const KvLayout& layout) {
  const std::size_t whole = (options.context + layout.page_positions - 1) / layout.page_positions;
  if (options.kv_memory == 0) {
    const std::uint64_t quarter = static_cast<std::uint64_t>(sysconf(_SC_PHYS_PAGES)) *
                                  static_cast<std::uint64_t>(sysconf(_SC_PAGESIZE)) / 4;
    return std::max(
        whole, std::min<std::size_t>(whole * options.max_sequences, quarter / layout.page_bytes));
  }
  if (options.kv_memory >= layout.page_bytes) return options.kv_memory / layout.page_bytes;
  return fail(ErrorCode::out_of_range,
              fmt::format("{} bytes are less than one page of the KV cache, {} bytes",
                          options.kv_memory, layout.page_bytes),
              "Give more (--kv-memory), or choose smaller pages.");
}

}  // namespace wattle::engine
