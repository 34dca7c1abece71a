#include "learn/batches.hpp"

#include <algorithm>

namespace wattle::learn {
namespace {
constexpr std::uint64_t kBatchesPerPool = 16;

struct Encoded {
  std::vector<std::int32_t> prompt, answer;
  std::vector<std::pair<std::size_t, int>> findings;  // token of the prompt, label
  std::array<int, kSensors> summary{};
  [[nodiscard]] std::size_t size() const { return prompt.size() + answer.size(); }
};

// Which token holds the byte before `end`? The encoded text begins with a space of its own.
std::vector<std::pair<std::size_t, int>> place_findings(const Example& example,
                                                        const std::vector<std::int32_t>& tokens,
                                                        const Encoder& encoder) {
  std::vector<std::pair<std::size_t, int>> out;
  std::size_t token = 0;
  std::size_t covered = encoder.text_bytes(tokens[0]);
  for (const Example::Finding& finding : example.findings) {
    while (covered < finding.end + 1) covered += encoder.text_bytes(tokens[++token]);
    out.emplace_back(token, finding.label);
  }
  return out;
}

Batch pad(std::span<const Encoded> examples, const Vocabulary& vocabulary) {
  Batch batch;
  batch.size = static_cast<std::int64_t>(examples.size());
  for (const Encoded& example : examples) {
    batch.length = std::max(batch.length, static_cast<std::int64_t>(example.size() + 1));
  }
  batch.tokens.assign(static_cast<std::size_t>(batch.size * batch.length), vocabulary.eos);
  batch.answer_begin.push_back(0);
  std::int64_t row = 0;
  for (const Encoded& example : examples) {
    std::int64_t at = row;
    batch.tokens[static_cast<std::size_t>(at++)] = vocabulary.bos;
    for (const auto token : example.prompt) batch.tokens[static_cast<std::size_t>(at++)] = token;
    for (const auto& [token, label] : example.findings) {
      batch.finding_rows.push_back(row + 1 + static_cast<std::int64_t>(token));  // after BOS
      batch.findings.push_back(label);
    }
    batch.summary_rows.push_back(at - 1);
    batch.summaries.insert(batch.summaries.end(), example.summary.begin(), example.summary.end());
    for (const auto token : example.answer) {
      batch.answer_rows.push_back(at - 1);
      batch.targets.push_back(token);
      batch.tokens[static_cast<std::size_t>(at++)] = token;
    }
    batch.answer_rows.push_back(at - 1);
    batch.targets.push_back(vocabulary.eos);
    batch.answer_begin.push_back(static_cast<std::int64_t>(batch.targets.size()));
    row += batch.length;
  }
  return batch;
}
}  // namespace

BatchSource::BatchSource(const Vocabulary& vocabulary, std::uint64_t seed, Split split,
                         int batch_size, std::int64_t curriculum_batches)
    : vocabulary_(vocabulary),
      encoder_(vocabulary),
      seed_(seed),
      split_(split),
      batch_size_(batch_size),
      curriculum_batches_(curriculum_batches) {}

const Batch& BatchSource::at(std::uint64_t index) {
  const std::uint64_t pool = index / kBatchesPerPool;
  if (batches_.empty() || pool != pool_) make_pool(pool);
  return batches_[index % kBatchesPerPool];
}

void BatchSource::make_pool(std::uint64_t pool) {
  Random random(seed_, pool);
  const double progress = curriculum_batches_ > 0 ? static_cast<double>(pool * kBatchesPerPool) /
                                                        static_cast<double>(curriculum_batches_)
                                                  : 1.0;
  const CaseMix mix =
      split_ == Split::training ? training_mix(std::max(0.0, 1.0 - progress)) : CaseMix{};
  std::vector<Encoded> examples(kBatchesPerPool * static_cast<std::size_t>(batch_size_));
  for (Encoded& example : examples) {
    const Example made = make_example(random, split_, mix);
    example.prompt = encoder_.encode(made.prompt);
    example.answer = encoder_.encode(made.answer.substr(1));
    example.findings = place_findings(made, example.prompt, encoder_);
    example.summary = made.summary;
  }
  std::stable_sort(examples.begin(), examples.end(),
                   [](const Encoded& a, const Encoded& b) { return a.size() < b.size(); });
  batches_.clear();
  for (std::size_t i = 0; i < kBatchesPerPool; ++i) {
    const auto size = static_cast<std::size_t>(batch_size_);
    batches_.push_back(pad(std::span(examples).subspan(i * size, size), vocabulary_));
  }
  random.shuffle(batches_);
  pool_ = pool;
}

}  // namespace wattle::learn
