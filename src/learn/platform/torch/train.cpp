#include "learn/platform/torch/train.hpp"

#include <fmt/format.h>
#include <malloc.h>
#include <torch/torch.h>

#include <filesystem>

#include "learn/platform/sentencepiece/train_pieces.hpp"
#include "learn/platform/torch/export.hpp"
#include "learn/platform/torch/trainer.hpp"

namespace wattle::learn {
namespace {
constexpr std::uint64_t kVocabularyStream = std::uint64_t{1} << 41U;
constexpr int kEvaluationBatches = 16;

// Activations are freed and allocated again every step; giving the pages back to the system each
// time cost 15 % of a step.
void keep_freed_memory() {
#ifdef __GLIBC__
  mallopt(M_MMAP_THRESHOLD, 1 << 30);
  mallopt(M_TRIM_THRESHOLD, 2'000'000'000);
  mallopt(M_TOP_PAD, 64 << 20);
#endif
}

Status check(const TrainOptions& options) {
  const ModelShape& s = options.shape;
  const auto bad = [](const std::string& what) { return fail(ErrorCode::invalid_argument, what); };
  if (s.n_layers < 1 || s.n_layers > 1024) return bad("layers must be between 1 and 1024");
  if (s.d_model < 32 || s.d_model % 32 != 0) return bad("d-model must be a multiple of 32");
  if (s.d_ff < 32 || s.d_ff % 32 != 0) return bad("d-ff must be a multiple of 32");
  if (s.head_dim < 2 || s.head_dim % 2 != 0) return bad("head-dim must be even");
  if (s.n_kv_heads < 1 || s.n_heads % s.n_kv_heads != 0) {
    return bad("heads must be a multiple of kv-heads");
  }
  if (s.n_heads * s.head_dim % 32 != 0) return bad("heads × head-dim must be a multiple of 32");
  if (s.context < 512) return bad("context must be at least 512: prompts are up to 400 tokens");
  if (options.steps < 1) return bad("steps must be at least 1");
  if (options.batch_size < 1) return bad("batch-size must be at least 1");
  if (options.threads < 1) return bad("threads must be at least 1");
  if (options.resume && options.checkpoint.empty()) return bad("--resume needs --checkpoint");
  return {};
}

Result<std::vector<std::string>> make_vocabulary(const TrainOptions& options) {
  Random random(options.seed, kVocabularyStream);
  std::vector<std::string> lines;
  for (int i = 0; i < options.vocabulary_cases; ++i) {
    const Example example = make_example(random, Split::training, training_mix(0.0));
    lines.push_back(example.prompt + example.answer);
  }
  return train_pieces(lines, options.vocabulary_pieces);
}

Result<std::unique_ptr<Trainer>> begin(const TrainOptions& options) {
  if (options.resume && std::filesystem::exists(checkpoint_file(options.checkpoint))) {
    return Trainer::resume(options);
  }
  WATTLE_TRY(std::vector<std::string> pieces, make_vocabulary(options));
  return std::make_unique<Trainer>(options, std::move(pieces));
}

void print_exits(const std::vector<ExitQuality>& exits, std::int64_t step) {
  std::string line =
      fmt::format("step {}  held-out, status/whole answer in % by exit layer:", step);
  for (const ExitQuality& exit : exits) {
    if (exit.layer % 2 != 0 && exit.layer != static_cast<int>(exits.size())) continue;
    line += fmt::format("  {}: {:.1f}/{:.1f}", exit.layer, exit.status * 100.0,
                        exit.whole_answer * 100.0);
  }
  fmt::print(stderr, "{}\n", line);
}

Result<TrainReport> run(const TrainOptions& options, const Clock& clock) {
  WATTLE_CHECK(check(options));
  at::set_num_threads(options.threads);
  at::globalContext().setDeterministicAlgorithms(true, false);
  keep_freed_memory();
  WATTLE_TRY(const auto trainer, begin(options));
  const bool silent = options.progress == Progress::Style::silent;
  TrainReport report;
  report.n_parameters = trainer->network().n_parameters();
  if (!silent) {
    fmt::print(stderr, "{} parameters, vocabulary {}, step {} of {}\n", report.n_parameters,
               trainer->vocabulary().size(), trainer->steps_done(), options.steps);
  }
  const std::int64_t start_ns = clock.monotonic_ns();
  const std::int64_t first_step = trainer->steps_done();
  std::int64_t saved_ns = start_ns;
  const std::int64_t end = options.steps;
  Progress progress("training", static_cast<double>(end - first_step), clock, options.progress);
  double smooth = 0.0;
  while (trainer->steps_done() < end) {
    if (options.cancelled && options.cancelled()) {
      if (!options.checkpoint.empty()) WATTLE_CHECK(trainer->save());
      return fail(ErrorCode::cancelled,
                  fmt::format("training stopped at step {}", trainer->steps_done()),
                  options.checkpoint.empty() ? "" : "go on with --resume");
    }
    const double loss = trainer->step();
    const std::int64_t done = trainer->steps_done();
    if (done == first_step + 1) report.first_loss = smooth = loss;
    smooth += 0.05 * (loss - smooth);
    report.last_loss = loss;
    progress.update(static_cast<double>(done - first_step),
                    fmt::format("step {}/{}  loss {:.4f}", done, options.steps, smooth));
    const std::int64_t now_ns = clock.monotonic_ns();
    if (options.evaluate_every > 0 && (done % options.evaluate_every == 0 || done == end)) {
      report.exits = trainer->evaluate(kEvaluationBatches);
      if (!silent) print_exits(report.exits, done);
    }
    if (!options.checkpoint.empty() &&
        (static_cast<double>(now_ns - saved_ns) / 1e9 >= options.checkpoint_every_s ||
         done == end)) {
      WATTLE_CHECK(trainer->save());
      saved_ns = now_ns;
    }
  }
  progress.finish();
  report.steps = trainer->steps_done();
  report.seconds = static_cast<double>(clock.monotonic_ns() - start_ns) / 1e9;
  if (!options.out.empty() && report.steps == options.steps) {
    WATTLE_CHECK(export_gguf(trainer->network(), trainer->vocabulary(), options.name, options.out));
  }
  return report;
}
}  // namespace

Result<TrainReport> train_here(const TrainOptions& options, const Clock& clock) {
  try {
    return run(options, clock);
  } catch (const std::bad_alloc&) {
    return fail(ErrorCode::resource_exhausted, "out of memory while training",
                "use a smaller --batch-size or --d-model");
  } catch (const std::exception& error) {  // libtorch's errors end here
    return fail(ErrorCode::internal, fmt::format("libtorch: {}", error.what()));
  }
}

}  // namespace wattle::learn

extern "C" __attribute__((visibility("default"))) wattle::Result<wattle::learn::TrainReport>
wattle_train(const wattle::learn::TrainOptions& options, const wattle::Clock& clock);

wattle::Result<wattle::learn::TrainReport> wattle_train(const wattle::learn::TrainOptions& options,
                                                        const wattle::Clock& clock) {
  return wattle::learn::train_here(options, clock);
}
