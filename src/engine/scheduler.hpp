#pragma once
// Many sequences at once: continuous batching (Yu et al. 2022, Orca) over a paged KV cache. Each
// step is one forward pass over the next token of every sequence that decodes and over pieces of
// the prompts of those that do not yet; sequences join and leave at any step. docs/batching.md.
//
// A sequence's tokens, log-probabilities and text are, bit for bit, those of generate() on its own,
// in a session of the same context and KV type.

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <vector>

#include "base/result.hpp"
#include "engine/generate.hpp"

namespace wattle::engine {

struct SchedulerOptions {
  std::uint32_t max_sequences = 8;   // that run at the same time, 1 … 64
  std::uint32_t token_budget = 256;  // positions per step, max_sequences … 4096: first the token of
                                     // every decoding sequence, then prompts
  bool static_batch = false;         // wait for max_sequences (or drain()), run them together, and
                                     // let nobody join before all have ended
  std::uint32_t context = 0;         // positions of a sequence; 0: the model's context_length
  KvType kv_type = KvType::f16;      // a model loaded with `exact` always uses f32
  std::uint32_t kv_page = 64;        // positions per page, rounded up to 16s
  std::uint64_t kv_memory = 0;       // bytes of pages at most; 0: max_sequences whole contexts, or
                                     // a quarter of the machine's memory if that is less
  bool reuse_prefixes = true;        // keep pages of prompts, as long as nobody needs the memory
};

using SequenceId = std::uint64_t;

struct SchedulerStats {
  std::size_t n_waiting = 0;
  std::size_t n_running = 0;
  std::size_t n_finished = 0;    // whose results have not been taken
  std::size_t used_pages = 0;    // by sequences
  std::size_t cached_pages = 0;  // by nobody, kept for prompts that begin alike
  std::size_t peak_pages = 0;    // both, the most there were
  std::size_t max_pages = 0;
  std::uint64_t page_bytes = 0;
  std::uint64_t n_steps = 0;
  std::uint64_t n_prefilled = 0;  // prompt positions computed
  std::uint64_t n_reused = 0;     // prompt positions found in the cache
  std::uint64_t n_generated = 0;
};

// What one sequence had in a step: positions of its prompt, or its next token.
struct StepShare {
  SequenceId id = 0;
  std::uint32_t n_prompt = 0;
  std::uint32_t n_decode = 0;
};

// One thread at a time. Observers are called in step(); they may call submit() and cancel().
class Scheduler {
 public:
  // Errors: options out of range; no memory for the pages.
  static Result<std::unique_ptr<Scheduler>> create(std::shared_ptr<const Model> model,
                                                   const SchedulerOptions& options = {});
  virtual ~Scheduler() = default;

  // Queues a sequence. It is admitted, first come, first served, as soon as there is a place and
  // the pages that it may need to its end (prompt + max_tokens, at most the context). The observer
  // must live until the sequence has ended.
  // Errors: those of generate(); a sequence for which all pages together are too few.
  virtual Result<SequenceId> submit(std::vector<TokenId> prompt, const GenerateOptions& options,
                                    GenerateObserver* observer = nullptr) = 0;
  // One forward pass. False: there was nothing to do. Where the process was interrupted, all
  // sequences are cancelled.
  virtual bool step() = 0;
  // With static_batch: more sequences will not come, those that wait may start. Ends with the next
  // submit().
  virtual void drain() = 0;
  // Steps until all have ended.
  virtual void run() = 0;
  // Ends a sequence (StopReason::cancelled) and frees its pages at once; from an observer, at the
  // end of the step. False: not waiting or running.
  virtual bool cancel(SequenceId id) = 0;
  // The result of a sequence that has ended, handed over once; nothing if it has not.
  // Error: grammar and vocabulary allow no token.
  [[nodiscard]] virtual std::optional<Result<GenerateResult>> result(SequenceId id) = 0;
  [[nodiscard]] virtual SchedulerStats stats() const = 0;
  // Who took part in the last step(), until the next one: for dividing its time and energy.
  [[nodiscard]] virtual std::span<const StepShare> last_step() const = 0;
};

}  // namespace wattle::engine
