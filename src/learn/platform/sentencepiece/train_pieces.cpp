#include "learn/platform/sentencepiece/train_pieces.hpp"

#include <fmt/format.h>
#include <sentencepiece_processor.h>
#include <sentencepiece_trainer.h>

namespace wattle::learn {
namespace {
// Hands the lines over without a file.
class Lines final : public sentencepiece::SentenceIterator {
 public:
  explicit Lines(std::span<const std::string> lines) : lines_(lines) {}
  bool done() const override { return next_ == lines_.size(); }
  void Next() override { ++next_; }
  const std::string& value() const override { return lines_[next_]; }
  sentencepiece::util::Status status() const override { return {}; }

 private:
  std::span<const std::string> lines_;
  std::size_t next_ = 0;
};
}  // namespace

Result<std::vector<std::string>> train_pieces(std::span<const std::string> lines, int n_pieces) {
  constexpr int kSpecial = 3 + 256;  // unknown, begin, end and the byte tokens
  const std::string arguments = fmt::format(
      "--model_type=bpe --vocab_size={} --byte_fallback=true --split_digits=true "
      "--character_coverage=1.0 --normalization_rule_name=identity --add_dummy_prefix=true "
      "--remove_extra_whitespaces=false --num_threads=1 --minloglevel=2 --hard_vocab_limit=false",
      n_pieces + kSpecial);
  Lines iterator(lines);
  std::string model;
  const auto trained = sentencepiece::SentencePieceTrainer::Train(arguments, &iterator, &model);
  sentencepiece::SentencePieceProcessor processor;
  const auto loaded = trained.ok() ? processor.LoadFromSerializedProto(model) : trained;
  if (!loaded.ok()) {
    return fail(ErrorCode::internal,
                fmt::format("sentencepiece could not train a vocabulary of {} pieces: {}", n_pieces,
                            loaded.ToString()),
                "ask for fewer pieces or give more text");
  }
  std::vector<std::string> pieces;
  for (int id = 0; id < processor.GetPieceSize(); ++id) {
    if (processor.IsControl(id) || processor.IsUnknown(id) || processor.IsByte(id)) continue;
    pieces.push_back(processor.IdToPiece(id));
  }
  return pieces;
}

}  // namespace wattle::learn
