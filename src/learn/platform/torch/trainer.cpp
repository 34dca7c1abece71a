#include "learn/platform/torch/trainer.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

namespace wattle::learn {
using torch::Tensor;

namespace {
// Streams of Random besides the data pools, which count from 0.
constexpr std::uint64_t kDropoutStream = std::uint64_t{1} << 40U;
constexpr std::uint64_t kHeldOutSeed = 0x8e1d'0000'0000'0000ULL;

Tensor as_tensor(const std::vector<std::int64_t>& values) {
  return torch::tensor(values, torch::kInt64);
}

ModelShape with_vocabulary(ModelShape shape, const Vocabulary& vocabulary) {
  shape.n_vocab = static_cast<std::int64_t>(vocabulary.size());
  return shape;
}

OptimizerOptions optimizer_options(const TrainOptions& options) {
  OptimizerOptions out;
  out.muon_rate = options.muon_rate;
  out.adam_rate = options.adam_rate;
  return out;
}
}  // namespace

double exit_weight(int layer, int n_layers, double scale) {
  const double sum_below = 0.5 * layer * (layer + 1);
  if (layer + 1 < n_layers) return scale * sum_below;
  return n_layers - 1 + scale * 0.5 * (n_layers - 2) * (n_layers - 1);
}

double dropout_chance(int layer, int n_layers, double largest) {
  if (n_layers < 2) return 0.0;
  return largest * (std::exp2(static_cast<double>(layer) / (n_layers - 1)) - 1.0);
}

Trainer::Trainer(const TrainOptions& options, std::vector<std::string> pieces)
    : options_(options),
      pieces_(std::move(pieces)),
      vocabulary_(assemble_vocabulary(pieces_)),
      network_(with_vocabulary(options.shape, vocabulary_), options.seed),
      optimizer_(network_, optimizer_options(options)),
      data_(vocabulary_, options.seed, Split::training, options.batch_size,
            options.curriculum_steps),
      held_out_(vocabulary_, options.seed ^ kHeldOutSeed, Split::held_out, 32) {}

double Trainer::rate_scale() const {
  const double warm = static_cast<double>(step_ + 1) /
                      static_cast<double>(std::max<std::int64_t>(1, options_.warmup_steps));
  const double left = 1.0 - static_cast<double>(step_) / static_cast<double>(options_.steps);
  const double decay = options_.decay_share > 0.0 ? left / options_.decay_share : 1.0;
  return std::clamp(std::min(warm, decay), 0.0, 1.0);
}

std::vector<bool> Trainer::layers_to_keep() const {
  Random random(options_.seed, kDropoutStream + static_cast<std::uint64_t>(step_));
  const int n = static_cast<int>(options_.shape.n_layers);
  std::vector<bool> keep;
  for (int layer = 0; layer < n; ++layer) {
    keep.push_back(!random.chance(dropout_chance(layer, n, options_.layer_dropout)));
  }
  return keep;
}

double Trainer::step() {
  const Batch& batch = data_.at(static_cast<std::uint64_t>(step_));
  const std::vector<Tensor> states =
      network_.forward(as_tensor(batch.tokens).view({batch.size, batch.length}), layers_to_keep());
  const Tensor rows = as_tensor(batch.answer_rows);
  const Tensor targets = as_tensor(batch.targets);
  const int n = static_cast<int>(states.size());
  Tensor loss;
  double weights = 0.0;
  double full_depth = 0.0;
  for (int layer = 0; layer < n; ++layer) {
    const bool last = layer + 1 == n;
    if (!last && (options_.exit_rotation <= 0 || (layer + step_) % options_.exit_rotation != 0)) {
      continue;
    }
    const Tensor logits =
        network_.head(states[static_cast<std::size_t>(layer)].index_select(0, rows));
    const Tensor exit_loss = torch::cross_entropy_loss(logits, targets);
    const double weight = exit_weight(layer, n, options_.exit_scale);
    loss = loss.defined() ? loss + exit_loss * weight : exit_loss * weight;
    weights += weight;
    if (last) full_depth = exit_loss.item<double>();
  }
  loss = loss / weights;
  if (options_.findings_weight > 0.0 && !batch.findings.empty()) {
    const auto layer = static_cast<std::size_t>(std::min(options_.findings_layer, n) - 1);
    const Tensor hidden = states[layer].index_select(0, as_tensor(batch.finding_rows));
    loss =
        loss + options_.findings_weight * torch::cross_entropy_loss(network_.findings_head(hidden),
                                                                    as_tensor(batch.findings));
  }
  if (options_.summary_weight > 0.0) {
    const auto layer = static_cast<std::size_t>(std::min(options_.summary_layer, n) - 1);
    const Tensor hidden = states[layer].index_select(0, as_tensor(batch.summary_rows));
    const Tensor said = network_.summary_head(hidden).view({-1, kSensorStates});
    loss = loss +
           options_.summary_weight * torch::cross_entropy_loss(said, as_tensor(batch.summaries));
  }
  loss.backward();
  optimizer_.step(rate_scale());
  ++step_;
  return full_depth;
}

std::vector<ExitQuality> Trainer::evaluate(int n_batches) {
  const torch::NoGradGuard no_grad;
  std::vector<ExitQuality> exits(static_cast<std::size_t>(options_.shape.n_layers));
  double cases = 0.0;
  double tokens = 0.0;
  for (int i = 0; i < n_batches; ++i) {
    const Batch& batch = held_out_.at(static_cast<std::uint64_t>(i));
    const auto states = network_.forward(as_tensor(batch.tokens).view({batch.size, batch.length}));
    const Tensor rows = as_tensor(batch.answer_rows);
    const Tensor targets = as_tensor(batch.targets);
    cases += static_cast<double>(batch.size);
    tokens += static_cast<double>(batch.targets.size());
    for (std::size_t layer = 0; layer < exits.size(); ++layer) {
      const Tensor logits = network_.head(states[layer].index_select(0, rows));
      const Tensor right = logits.argmax(1).eq(targets);
      const Tensor logprob = torch::log_softmax(logits, 1);
      exits[layer].entropy_nats -= (logprob * logprob.exp()).sum().item<double>();
      const auto is_right = right.accessor<bool, 1>();
      for (std::size_t k = 0; k + 1 < batch.answer_begin.size(); ++k) {
        bool all = true;
        for (auto at = batch.answer_begin[k]; at < batch.answer_begin[k + 1]; ++at) {
          all = all && is_right[at];
        }
        exits[layer].status += is_right[batch.answer_begin[k]] ? 1.0 : 0.0;
        exits[layer].whole_answer += all ? 1.0 : 0.0;
      }
    }
  }
  for (std::size_t layer = 0; layer < exits.size(); ++layer) {
    exits[layer].layer = static_cast<int>(layer) + 1;
    exits[layer].status /= cases;
    exits[layer].whole_answer /= cases;
    exits[layer].entropy_nats /= tokens;
  }
  return exits;
}

NamedTensors Trainer::tensors() const {
  NamedTensors out;
  for (const auto& parameter : network_.parameters()) {
    out.emplace_back(parameter.name, parameter.tensor.detach());
  }
  for (auto& named : optimizer_.state()) out.push_back(std::move(named));
  return out;
}

Json Trainer::header() const {
  const ModelShape& s = options_.shape;
  return {{"step", step_},
          {"pieces", pieces_},
          {"options",
           {{"seed", options_.seed},
            {"shape", {s.n_layers, s.d_model, s.d_ff, s.n_heads, s.n_kv_heads, s.head_dim}},
            {"batch_size", options_.batch_size},
            {"curriculum_steps", options_.curriculum_steps},
            {"findings_weight", options_.findings_weight},
            {"findings_layer", options_.findings_layer},
            {"summary_weight", options_.summary_weight},
            {"summary_layer", options_.summary_layer},
            {"exit_rotation", options_.exit_rotation},
            {"exit_scale", options_.exit_scale},
            {"layer_dropout", options_.layer_dropout}}}};
}

Status Trainer::save() const {
  return save_checkpoint(options_.checkpoint, header(), tensors());
}

Result<std::unique_ptr<Trainer>> Trainer::resume(const TrainOptions& options) {
  WATTLE_TRY(const Checkpoint saved, read_checkpoint(options.checkpoint));
  const auto malformed = [&](const std::string& why) {
    return fail(ErrorCode::invalid_format,
                fmt::format("cannot resume from {}: {}", saved.file.string(), why),
                "delete the file to start anew, or give the options it was begun with");
  };
  const Json pieces = saved.header.value("pieces", Json());
  const Json step = saved.header.value("step", Json());
  if (!pieces.is_array() || !step.is_number_integer()) return malformed("the header is incomplete");
  std::vector<std::string> texts;
  for (const Json& piece : pieces) {
    if (!piece.is_string()) return malformed("a vocabulary piece is not text");
    texts.push_back(piece.get<std::string>());
  }
  auto trainer = std::make_unique<Trainer>(options, std::move(texts));
  const Json begun_with = saved.header.value("options", Json::object());
  const Json header = trainer->header();
  for (const auto& [key, value] : header["options"].items()) {
    if (begun_with.value(key, Json()) != value) {
      return malformed(fmt::format("it was begun with {} {}, not {}", key,
                                   dump_json(begun_with.value(key, Json())), dump_json(value)));
    }
  }
  WATTLE_CHECK(restore(saved, trainer->tensors()));
  trainer->step_ = step.get<std::int64_t>();
  return trainer;
}

}  // namespace wattle::learn
