#pragma once
// One step of many sequences: a forward pass over a chunk of each, and the next-token distributions
// that it ends in, by way of the sequences' exits.

#include <span>
#include <vector>

#include "engine/sequence.hpp"

namespace wattle::engine {

class BatchStep {
 public:
  struct Part {
    Sequence* sequence;
    std::span<const TokenId> tokens;
    bool wanted;  // the distribution after the last of the tokens
  };

  BatchStep(const Transformer& model, std::uint32_t context) : model_(model), context_(context) {}

  // Runs the parts; the sequences' caches have room for them. Fills `next` of those that want it.
  // Afterwards layers()[i] is how many layers part i ran.
  void run(std::span<const Part> parts);
  [[nodiscard]] std::uint32_t layers(std::size_t part) const { return chunks_[part].layers; }

 private:
  void look(std::span<const Part> parts, std::uint32_t layer, std::span<Look> looks);
  void compute(std::uint32_t layer);

  const Transformer& model_;
  std::uint32_t context_;
  Scratch scratch_;
  std::vector<Chunk> chunks_;
  // Whose distribution is computed next, and from what.
  std::vector<Sequence*> sequences_;
  std::vector<const float*> hidden_;
  std::vector<float> logits_;  // [sequences, n_vocab]
};

}  // namespace wattle::engine
