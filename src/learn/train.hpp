#pragma once
// Training a language model on generated telemetry, from random weights to a GGUF file. libtorch is
// loaded when train() is called; without it the error says how to get it.

#include <cstdint>
#include <filesystem>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "base/clock.hpp"
#include "base/progress.hpp"
#include "base/result.hpp"
#include "learn/model_shape.hpp"

namespace wattle::learn {

struct TrainOptions {
  std::filesystem::path out;         // GGUF to write; empty: none
  std::filesystem::path checkpoint;  // folder of checkpoints; empty: none
  bool resume = false;               // go on from the checkpoint, if there is one
  ModelShape shape;                  // n_vocab is found from the vocabulary
  int vocabulary_pieces = 820;       // SentencePiece pieces besides bytes and numbers
  int vocabulary_cases = 20'000;     // cases the vocabulary is trained on
  std::uint64_t seed = 1;
  std::int64_t steps = 10'000;
  int batch_size = 16;
  std::int64_t curriculum_steps = 2000;  // cases are easier at first, of full richness from here on
  double muon_rate = 0.02;
  double adam_rate = 3e-3;
  std::int64_t warmup_steps = 50;
  double decay_share = 0.4;    // the last part of the run, in which the rates fall to 0
  int exit_rotation = 4;       // every step trains each fourth exit, and always the last
  double exit_scale = 0.2;     // weight of early exits against the last (LayerSkip's e_scale)
  double layer_dropout = 0.1;  // of the last layer; exponentially less towards the first
  // Besides the answer, hidden states after this layer (from 1) learn to say what each sensor says
  // where its last reading ends. It makes the task learnable in minutes instead of hours.
  int findings_layer = 6;
  double findings_weight = 1.0;  // 0: off
  // Likewise, states after this layer learn to say what all sensors say where the prompt ends.
  int summary_layer = 10;
  double summary_weight = 1.0;  // 0: off
  int threads = 1;
  std::int64_t evaluate_every = 500;  // steps between looks at held-out cases; 0: never
  double checkpoint_every_s = 180.0;
  std::string name = "Wattle telemetry";
  Progress::Style progress = Progress::Style::automatic;
  std::function<bool()> cancelled;  // asked before each step; may be empty
};

// How often the answer is right when leaving after one layer (teacher forced: whatever is exactly
// right here is also what greedy decoding gives).
struct ExitQuality {
  int layer = 0;              // from 1
  double status = 0.0;        // share of cases whose status is right
  double whole_answer = 0.0;  // share of cases with every token right
  double entropy_nats = 0.0;  // mean over answer tokens
};

struct TrainReport {
  std::int64_t steps = 0;  // done in all, resumed ones included
  std::int64_t n_parameters = 0;
  // Of this run's first and last step, full depth, nats a token; empty if no step was left.
  std::optional<double> first_loss, last_loss;
  double seconds = 0.0;
  std::vector<ExitQuality> exits;  // last evaluation; empty if none
};

[[nodiscard]] bool trainer_available();
// Errors: unavailable (built without libtorch, spm_train missing), invalid_argument, I/O; cancelled
// after Ctrl-C, with a checkpoint written if a folder is set.
[[nodiscard]] Result<TrainReport> train(const TrainOptions& options, const Clock& clock);

}  // namespace wattle::learn
