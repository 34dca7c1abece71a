#include "engine/scheduler.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <deque>
#include <unordered_map>

#include "base/interrupt.hpp"
#include "engine/batch_step.hpp"
#include "engine/prefix_cache.hpp"
#include "engine/request.hpp"
#include "engine/scheduler_options.hpp"

namespace wattle::engine {
namespace {

class ContinuousScheduler final : public Scheduler {
 public:
  ContinuousScheduler(std::shared_ptr<const Transformer> model, const SchedulerOptions& options,
                      std::shared_ptr<KvPool> pool)
      : model_(std::move(model)),
        options_(options),
        pool_(std::move(pool)),
        prefixes_(pool_),
        step_(*model_, options_.context) {}

  Result<SequenceId> submit(std::vector<TokenId> prompt, const GenerateOptions& options,
                            GenerateObserver* observer) override;
  bool step() override;
  void drain() override { draining_ = true; }
  void run() override;
  bool cancel(SequenceId id) override;
  std::optional<Result<GenerateResult>> result(SequenceId id) override;
  [[nodiscard]] SchedulerStats stats() const override;
  [[nodiscard]] std::span<const StepShare> last_step() const override { return shares_; }

 private:
  void admit();
  [[nodiscard]] bool admit_one(Sequence& sequence);
  [[nodiscard]] std::size_t available_pages() const;
  void take_over_pages(Sequence& sequence, const PrefixCache::Match& match);
  [[nodiscard]] PrefixCache::Match find_prefix(const Sequence& sequence);
  [[nodiscard]] bool waits_for_prefix(const Sequence& sequence) const;
  void begin_prefill(Sequence& sequence);
  [[nodiscard]] bool make_room(std::size_t n_pages);
  void choose_parts();
  void add_part(Sequence& sequence, std::span<const TokenId> tokens, bool wanted);
  void advance(const BatchStep::Part& part, std::uint32_t layers);
  void choose_token(Sequence& sequence);
  void remember(Sequence& sequence);
  void end(Sequence& sequence, Status status = {});
  void end_cancelled();
  void cancel_all();

  std::shared_ptr<const Transformer> model_;
  SchedulerOptions options_;
  std::shared_ptr<KvPool> pool_;
  PrefixCache prefixes_;
  BatchStep step_;
  std::deque<std::unique_ptr<Sequence>> waiting_;
  std::vector<std::unique_ptr<Sequence>> running_;  // in the order in which they were admitted
  std::unordered_map<SequenceId, Result<GenerateResult>> finished_;
  SequenceId next_id_ = 1;
  bool draining_ = false;
  bool in_step_ = false;
  // Of the step in progress.
  std::vector<BatchStep::Part> parts_;
  std::vector<TokenId> fed_;  // by decoding sequences; parts point into it
  std::vector<StepShare> shares_;
  SchedulerStats totals_;
};

// What needs passes of its own, or keeps rows between passes.
Status check_batchable(const GenerateOptions& options) {
  const char* what = nullptr;
  if (options.speculation.kind != SpeculationOptions::Kind::none) what = "speculation";
  if (options.exit.kv == ExitKv::recompute) what = "recomputing skipped keys and values";
  if (what == nullptr) return {};
  return fail(ErrorCode::unsupported, fmt::format("{} is not done in batches", what),
              "Leave it out, or run the prompts one by one.");
}

Result<SequenceId> ContinuousScheduler::submit(std::vector<TokenId> prompt,
                                               const GenerateOptions& options,
                                               GenerateObserver* observer) {
  const ModelConfig& config = model_->config();
  WATTLE_CHECK(check_tokens(config, options_.context, 0, prompt));
  WATTLE_CHECK(check_options(config, options));
  WATTLE_CHECK(check_batchable(options));
  const std::uint32_t n_layers = options.exit.layer == 0 ? config.n_layers : options.exit.layer;
  auto sequence =
      std::make_unique<Sequence>(next_id_, std::move(prompt), options, observer, n_layers, pool_);
  // The last token is not fed any more.
  const std::size_t most = sequence->prompt.size() + std::max(options.max_tokens, 1U) - 1;
  sequence->n_pages_most = pool_->pages_for(std::min<std::size_t>(most, options_.context));
  if (sequence->n_pages_most > pool_->max_pages()) {
    return fail(ErrorCode::resource_exhausted,
                fmt::format("a sequence of up to {} tokens needs {} pages of the KV cache, which "
                            "has {}",
                            most, sequence->n_pages_most, pool_->max_pages()),
                "Ask for fewer tokens, or give the cache more memory (--kv-memory).");
  }
  waiting_.push_back(std::move(sequence));
  draining_ = false;
  return next_id_++;
}

// ---- joining

void ContinuousScheduler::admit() {
  if (options_.static_batch) {
    if (!running_.empty() || (!draining_ && waiting_.size() < options_.max_sequences)) return;
  }
  while (!waiting_.empty() && running_.size() < options_.max_sequences) {
    if (!admit_one(*waiting_.front())) return;
    Sequence& sequence = *waiting_.front();
    running_.push_back(std::move(waiting_.front()));
    waiting_.pop_front();
    sequence.observer.prefill_begin(sequence.prompt.size());
  }
}

// Takes over the pages of a known prefix, which thereby can no longer be evicted, and sees whether
// there are pages for the rest.
bool ContinuousScheduler::admit_one(Sequence& sequence) {
  take_over_pages(sequence, find_prefix(sequence));
  if (sequence.n_pages_most - sequence.cache.n_pages() <= available_pages()) return true;
  sequence.cache.truncate(0);
  sequence.position = 0;
  return false;
}

// Pages that nobody has a claim to: those that are free or only kept, less what the running
// sequences may still take.
std::size_t ContinuousScheduler::available_pages() const {
  std::size_t free = pool_->max_pages() - pool_->used_pages() + prefixes_.n_evictable();
  for (const auto& sequence : running_) {
    if (sequence->ended) continue;
    free -= std::min(free, sequence->n_pages_most - sequence->cache.n_pages());
  }
  return free;
}

// One token at least is computed: its logits are wanted.
PrefixCache::Match ContinuousScheduler::find_prefix(const Sequence& sequence) {
  if (!options_.reuse_prefixes) return {};
  return prefixes_.find(std::span(sequence.prompt).first(sequence.prompt.size() - 1),
                        sequence.n_layers);
}

void ContinuousScheduler::take_over_pages(Sequence& sequence, const PrefixCache::Match& match) {
  for (std::size_t i = sequence.cache.n_pages(); i < match.pages.size(); ++i) {
    sequence.cache.adopt(match.pages[i]);
  }
  sequence.position =
      static_cast<std::uint32_t>(sequence.cache.n_pages() * pool_->layout().page_positions);
}

// Whether the beginning of the prompt is being computed for another one: that goes ahead.
bool ContinuousScheduler::waits_for_prefix(const Sequence& sequence) const {
  if (!options_.reuse_prefixes) return false;
  const std::size_t page = pool_->layout().page_positions;
  for (const auto& other : running_) {
    if (other.get() == &sequence) break;
    if (other->prefilled() || other->n_layers != sequence.n_layers) continue;
    const auto common = static_cast<std::size_t>(
        std::ranges::mismatch(other->prompt, sequence.prompt).in1 - other->prompt.begin());
    const std::size_t whole = std::min(common, sequence.prompt.size() - 1) / page * page;
    if (whole > sequence.position && other->position < whole) return true;
  }
  return false;
}

// Others may have come further since it was admitted. Whole pages are shared; of the page in which
// the prompts part, this sequence gets a copy.
void ContinuousScheduler::begin_prefill(Sequence& sequence) {
  sequence.started = true;
  const PrefixCache::Match match = find_prefix(sequence);
  take_over_pages(sequence, match);
  if (match.partial != nullptr && match.pages.size() == sequence.cache.n_pages()) {
    pool_->retain(match.partial);  // making room must not free it
    if (make_room(1) && sequence.cache.append_copy(match.partial)) {
      sequence.position += static_cast<std::uint32_t>(match.n_partial);
    }
    pool_->release(match.partial);
  }
  sequence.n_exact = sequence.position;
  sequence.result.n_reused_tokens = sequence.position;
  totals_.n_reused += sequence.position;
}

bool ContinuousScheduler::make_room(std::size_t n_pages) {
  while (pool_->max_pages() - pool_->used_pages() < n_pages) {
    if (!prefixes_.evict_one()) return false;
  }
  return true;
}

// ---- a step

void ContinuousScheduler::add_part(Sequence& sequence, std::span<const TokenId> tokens,
                                   bool wanted) {
  const std::size_t end = sequence.position + tokens.size();
  const std::size_t needed = pool_->pages_for(end);
  // Admission has seen to it that there are pages.
  if (!make_room(needed - std::min(needed, sequence.cache.n_pages())) ||
      !sequence.cache.reserve(sequence.position, end)) {
    return this->end(sequence, fail(ErrorCode::internal, "the KV cache has lost count of pages"));
  }
  parts_.push_back({&sequence, tokens, wanted});
  const auto n = static_cast<std::uint32_t>(tokens.size());
  shares_.push_back(sequence.prefilled() ? StepShare{sequence.id, 0, n}
                                         : StepShare{sequence.id, n, 0});
}

void ContinuousScheduler::choose_parts() {
  parts_.clear();
  fed_.clear();
  fed_.reserve(running_.size());
  for (const auto& sequence : running_) {
    if (!sequence->prefilled()) continue;
    fed_.push_back(sequence->result.tokens.back().id);
    add_part(*sequence, std::span(fed_).last(1), true);
  }
  // While one is in its prefill, fewer than max_sequences decode, and the budget is no less:
  // prompts always go on.
  std::size_t left = options_.token_budget - fed_.size();
  for (const auto& sequence : running_) {
    if (left == 0) break;
    if (sequence->prefilled()) continue;
    if (!sequence->started) {
      if (waits_for_prefix(*sequence)) continue;
      begin_prefill(*sequence);
    }
    const auto rest = sequence->prompt_left();
    const std::size_t n = std::min(left, rest.size());
    add_part(*sequence, rest.first(n), n == rest.size());
    left -= n;
  }
}

bool ContinuousScheduler::step() {
  if (interrupted()) cancel_all();
  in_step_ = true;
  shares_.clear();
  admit();
  if (!running_.empty()) {
    choose_parts();
    step_.run(parts_);
    ++totals_.n_steps;
    for (std::size_t i = 0; i < parts_.size(); ++i) advance(parts_[i], step_.layers(i));
  }
  const bool worked = !running_.empty();
  end_cancelled();
  std::erase_if(running_, [](const auto& sequence) { return sequence->ended; });
  in_step_ = false;
  return worked;
}

void ContinuousScheduler::run() {
  do {
    drain();
  } while (step());
}

// The part's tokens are in the cache.
void ContinuousScheduler::advance(const BatchStep::Part& part, std::uint32_t layers) {
  Sequence& sequence = *part.sequence;
  sequence.position += static_cast<std::uint32_t>(part.tokens.size());
  if (sequence.prefilled()) {
    sequence.tokens.push_back(part.tokens.front());
    sequence.result.last_token_pending = false;
    sequence.all_exact &= layers == sequence.n_layers;
  } else {
    totals_.n_prefilled += part.tokens.size();
  }
  if (sequence.all_exact) sequence.n_exact = sequence.position;
  if (!sequence.prefilled()) {
    remember(sequence);
    if (!part.wanted) return;
    sequence.observer.prefill_end();
    sequence.decoding.emplace(model_->tokenizer(), sequence.options, sequence.observer,
                              sequence.result, sequence.prompt);
  }
  choose_token(sequence);
}

void ContinuousScheduler::choose_token(Sequence& sequence) {
  if (sequence.cancelled) return;
  const std::size_t before = sequence.result.tokens.size();
  const Result<bool> go_on = sequence.decoding->choose(sequence.next);
  totals_.n_generated += sequence.result.tokens.size() - before;
  if (!go_on) return end(sequence, std::unexpected(go_on.error()));
  if (!*go_on) return end(sequence);
  if (sequence.position == options_.context) {
    sequence.decoding->stop(StopReason::context_full);
    end(sequence);
  }
}

// ---- leaving

void ContinuousScheduler::remember(Sequence& sequence) {
  if (!options_.reuse_prefixes || sequence.n_exact == 0) return;
  prefixes_.insert(sequence.exact_tokens(), sequence.n_layers, sequence.cache);
}

void ContinuousScheduler::end(Sequence& sequence, Status status) {
  sequence.ended = true;
  // A cancelled sequence leaves nothing behind, but for what others had or have of it.
  const bool leaves_pages = sequence.result.stop != StopReason::cancelled;
  std::vector<const std::byte*> own;
  if (leaves_pages) {
    remember(sequence);
  } else if (sequence.started) {  // until then all its pages are others'
    const std::size_t n_adopted = sequence.result.n_reused_tokens / pool_->layout().page_positions;
    for (std::size_t i = n_adopted; i < sequence.cache.n_pages(); ++i) {
      own.push_back(sequence.cache.pages()[i]);
    }
  }
  sequence.cache.truncate(0);
  prefixes_.forget(own);
  if (sequence.prefilled()) {
    sequence.decoding->finish();
  } else {
    sequence.observer.prefill_end();
  }
  sequence.observer.decode_end();
  if (status) {
    finished_.emplace(sequence.id, std::move(sequence.result));
  } else {
    finished_.emplace(sequence.id, std::unexpected(std::move(status).error()));
  }
}

void ContinuousScheduler::end_cancelled() {
  for (const auto& sequence : running_) {
    if (!sequence->cancelled || sequence->ended) continue;
    sequence->result.stop = StopReason::cancelled;
    end(*sequence);
  }
}

bool ContinuousScheduler::cancel(SequenceId id) {
  const auto is_it = [id](const auto& sequence) { return sequence->id == id; };
  if (const auto found = std::ranges::find_if(waiting_, is_it); found != waiting_.end()) {
    (*found)->result.stop = StopReason::cancelled;
    finished_.emplace(id, std::move((*found)->result));
    waiting_.erase(found);
    return true;
  }
  const auto found = std::ranges::find_if(running_, is_it);
  if (found == running_.end() || (*found)->ended) return false;
  (*found)->cancelled = true;
  if (!in_step_) {
    end_cancelled();
    std::erase_if(running_, [](const auto& sequence) { return sequence->ended; });
  }
  return true;
}

void ContinuousScheduler::cancel_all() {
  while (!waiting_.empty()) cancel(waiting_.back()->id);
  while (!running_.empty()) cancel(running_.back()->id);
}

std::optional<Result<GenerateResult>> ContinuousScheduler::result(SequenceId id) {
  const auto found = finished_.find(id);
  if (found == finished_.end()) return std::nullopt;
  std::optional<Result<GenerateResult>> result(std::move(found->second));
  finished_.erase(found);
  return result;
}

SchedulerStats ContinuousScheduler::stats() const {
  SchedulerStats stats = totals_;
  stats.n_waiting = waiting_.size();
  stats.n_running = running_.size();
  stats.n_finished = finished_.size();
  stats.cached_pages = prefixes_.n_evictable();
  stats.used_pages = pool_->used_pages() - stats.cached_pages;
  stats.peak_pages = pool_->peak_pages();
  stats.max_pages = pool_->max_pages();
  stats.page_bytes = pool_->layout().page_bytes;
  return stats;
}

}  // namespace

Result<std::unique_ptr<Scheduler>> Scheduler::create(std::shared_ptr<const Model> model,
                                                     const SchedulerOptions& requested) {
  auto transformer = std::dynamic_pointer_cast<const Transformer>(std::move(model));
  if (transformer == nullptr) {
    return fail(ErrorCode::invalid_argument, "cannot open a scheduler: no model was loaded");
  }
  const ModelConfig& config = transformer->config();
  SchedulerOptions options = requested;
  WATTLE_CHECK(check_scheduler_options(options, config));
  if (options.context == 0) options.context = config.context_length;
  if (transformer->exact()) options.kv_type = KvType::f32;
  options.kv_page = std::clamp<std::uint32_t>(options.kv_page, 1, 1U << 20U);
  const KvLayout layout(config, options.kv_type, options.kv_page);
  WATTLE_TRY(const std::size_t n_pages, count_pages(options, layout));
  WATTLE_TRY(auto pool,
             KvPool::create(config, options.kv_type, options.kv_page, n_pages,
                            fmt::format("the KV cache of {} sequences", options.max_sequences),
                            "Give it less (--kv-memory), or choose a smaller type (--kv i8)."));
  return std::make_unique<ContinuousScheduler>(std::move(transformer), options, std::move(pool));
}

}  // namespace wattle::engine
