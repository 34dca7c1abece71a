#pragma once
// Training data without end: cases are made, encoded and grouped by length as they are needed. Pool
// p holds what Random(seed, p) makes, so any position can be reached again without replaying.

#include <cstdint>
#include <vector>

#include "learn/encoder.hpp"
#include "learn/telemetry/example.hpp"

namespace wattle::learn {

// Sequences padded on the right to one length; a row is one position of one sequence.
struct Batch {
  std::int64_t size = 0;                   // sequences
  std::int64_t length = 0;                 // positions of each
  std::vector<std::int64_t> tokens;        // [size·length] inputs: BOS, prompt, answer
  std::vector<std::int64_t> answer_rows;   // [n] rows whose next token belongs to the answer
  std::vector<std::int64_t> targets;       // [n] that next token; EOS ends each answer
  std::vector<std::int64_t> finding_rows;  // [m] rows at which a sensor's last reading has ended
  std::vector<std::int64_t> findings;      // [m] what it says (Example::Finding)
  std::vector<std::int64_t> summary_rows;  // [size] rows at which the prompt has ended
  std::vector<std::int64_t> summaries;     // [size·kSensors] what each sensor says by then
  std::vector<std::int64_t> answer_begin;  // [size + 1] where each sequence's part of [n] begins
};

class BatchSource {
 public:
  // Training cases (training_mix) are easier at first, of full richness from batch
  // `curriculum_batches` on. Held-out cases are as the suites have them.
  BatchSource(const Vocabulary& vocabulary, std::uint64_t seed, Split split, int batch_size,
              std::int64_t curriculum_batches = 0);
  // Batch number `index` of the endless sequence; neighbours are cheap, jumps remake one pool.
  [[nodiscard]] const Batch& at(std::uint64_t index);

 private:
  void make_pool(std::uint64_t pool);
  Vocabulary vocabulary_;
  Encoder encoder_;
  std::uint64_t seed_;
  Split split_;
  int batch_size_;
  std::int64_t curriculum_batches_;
  std::uint64_t pool_ = 0;
  std::vector<Batch> batches_;
};

}  // namespace wattle::learn
