#include "engine/tokenizer/byte_bpe.hpp"
#include "engine/tokenizer/score_bpe.hpp"
#include "engine/tokenizer/vocabulary.hpp"

namespace wattle::engine {

Result<std::shared_ptr<const Tokenizer>> make_tokenizer(Vocabulary vocabulary) {
  WATTLE_TRY(auto checked, check_vocabulary(vocabulary));
  if (vocabulary.model == VocabularyModel::score_bpe) {
    return std::make_shared<const ScoreBpe>(vocabulary, std::move(checked));
  }
  WATTLE_TRY(auto pre_tokenizer, PreTokenizer::by_name(vocabulary.pre, vocabulary.source));
  return std::make_shared<const ByteBpe>(vocabulary, std::move(checked), std::move(pre_tokenizer));
}

}  // namespace wattle::engine
