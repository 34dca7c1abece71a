#include "engine/batch_step.hpp"

#include <algorithm>

namespace wattle::engine {
void BatchStep::run(std::span<const Part> parts) {
  chunks_.clear();
  bool watch = false;
  for (const Part& part : parts) {
    Sequence& sequence = *part.sequence;
    sequence.taken = false;
    sequence.exits.begin();
    Chunk& chunk = chunks_.emplace_back();
    chunk.cache = &sequence.cache;
    chunk.start = sequence.position;
    chunk.tokens = part.tokens;
    chunk.n_layers = sequence.n_layers;
    chunk.wanted = part.wanted ? Chunk::Wanted::last : Chunk::Wanted::none;
    chunk.watch =
        part.wanted && (sequence.exits.has_rule() || sequence.observer.wants_layer_entropy());
    watch |= chunk.watch;
  }
  BatchHook hook;
  if (watch) hook = [&](std::uint32_t layer, std::span<Look> looks) { look(parts, layer, looks); };
  forward(model_, scratch_, context_, chunks_, hook);
  // Those that went through all their layers; there may be several depths.
  for (std::size_t i = 0; i < parts.size(); ++i) {
    if (!parts[i].wanted || parts[i].sequence->taken) continue;
    const std::uint32_t layer = chunks_[i].layers;
    for (std::size_t j = i; j < parts.size(); ++j) {
      if (!parts[j].wanted || parts[j].sequence->taken || chunks_[j].layers != layer) continue;
      parts[j].sequence->taken = true;
      sequences_.push_back(parts[j].sequence);
      hidden_.push_back(chunks_[j].hidden);
    }
    compute(layer);
  }
}

// The exit rule is applied to the last position of a prompt, too, but only decides which layer its
// first token is read from: the prompt itself goes through all layers.
void BatchStep::look(std::span<const Part> parts, std::uint32_t layer, std::span<Look> looks) {
  for (const Look& seen : looks) {
    Sequence& sequence = *parts[seen.chunk].sequence;
    if (sequence.taken || layer == sequence.n_layers) continue;
    if (!sequence.exits.looks_at(layer) && !sequence.observer.wants_layer_entropy()) continue;
    sequences_.push_back(&sequence);
    hidden_.push_back(seen.hidden);
  }
  const std::vector<Sequence*> looked_at = sequences_;
  compute(layer);
  for (Look& seen : looks) {
    Sequence& sequence = *parts[seen.chunk].sequence;
    if (std::ranges::find(looked_at, &sequence) == looked_at.end()) continue;
    if (!sequence.exits.looks_at(layer) || !sequence.exits.leaves(layer, sequence.next)) continue;
    sequence.taken = true;
    seen.leave = sequence.prefilled();
  }
}

// Output head and statistics of sequences_, in one product.
void BatchStep::compute(std::uint32_t layer) {
  if (sequences_.empty()) return;
  const std::size_t n_vocab = model_.config().n_vocab;
  const std::size_t n = sequences_.size();
  logits_.resize(std::max(logits_.size(), n * n_vocab));
  output_head(model_, scratch_, context_, hidden_, logits_.data());
  const auto work = [&](std::size_t i, std::size_t) {
    Distribution& next = sequences_[i]->next;
    const auto row = logits_.begin() + static_cast<std::ptrdiff_t>(i * n_vocab);
    next.logits.assign(row, row + static_cast<std::ptrdiff_t>(n_vocab));
    next.stats = model_.compute().kernels->softmax_stats(next.logits.data(), n_vocab);
    next.layers = layer;
  };
  if (n == 1) {
    work(0, 0);
  } else {
    model_.compute().pool->for_each(n, work);
  }
  for (Sequence* sequence : sequences_) {
    if (!sequence->observer.wants_layer_entropy()) continue;
    sequence->observer.layer_entropy(layer, static_cast<float>(sequence->next.entropy_nats()));
  }
  sequences_.clear();
  hidden_.clear();
}

}  // namespace wattle::engine
