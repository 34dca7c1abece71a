#include "learn/batches.hpp"

#include <gtest/gtest.h>

namespace wattle::learn {
namespace {

Vocabulary characters() {
  std::vector<std::string> pieces;
  for (char c = ' ' + 1; c <= '~'; ++c) pieces.emplace_back(1, c);
  pieces.insert(pieces.end(), {"▁", "°"});
  return assemble_vocabulary(pieces);
}

TEST(Batches, AnyBatchCanBeReachedDirectly) {
  const Vocabulary vocabulary = characters();
  BatchSource in_order(vocabulary, 1, Split::training, 4, 40);
  BatchSource jumping(vocabulary, 1, Split::training, 4, 40);
  std::vector<std::int64_t> wanted;
  for (std::uint64_t i = 0; i <= 37; ++i) wanted = in_order.at(i).tokens;
  EXPECT_EQ(jumping.at(37).tokens, wanted);
  BatchSource other_seed(vocabulary, 2, Split::training, 4, 40);
  EXPECT_NE(other_seed.at(37).tokens, wanted);
}

TEST(Batches, TargetsAreTheNextTokensAndEndTheText) {
  const Vocabulary vocabulary = characters();
  BatchSource source(vocabulary, 3, Split::held_out, 4);
  const Batch& batch = source.at(0);
  ASSERT_EQ(batch.answer_begin.size(), 5U);
  for (std::size_t k = 0; k < 4; ++k) {
    const auto begin = static_cast<std::size_t>(batch.answer_begin[k]);
    const auto end = static_cast<std::size_t>(batch.answer_begin[k + 1]);
    const auto row = k * static_cast<std::size_t>(batch.length);
    EXPECT_EQ(batch.tokens[row], vocabulary.bos);
    for (std::size_t i = begin; i + 1 < end; ++i) {
      EXPECT_EQ(batch.targets[i], batch.tokens[static_cast<std::size_t>(batch.answer_rows[i]) + 1]);
      EXPECT_EQ(batch.answer_rows[i + 1], batch.answer_rows[i] + 1);
    }
    EXPECT_EQ(batch.targets[end - 1], vocabulary.eos);
  }
}

TEST(Batches, FindingsStandAtTheEndOfAReading) {
  const Vocabulary vocabulary = characters();
  BatchSource source(vocabulary, 4, Split::training, 8);
  const Batch& batch = source.at(0);
  ASSERT_EQ(batch.findings.size(), batch.finding_rows.size());
  ASSERT_GE(batch.findings.size(), 16U);  // two sensors a case at least
  for (std::size_t i = 0; i < batch.findings.size(); ++i) {
    EXPECT_LT(batch.findings[i], kFindings);
    // With one token a character, what follows is a separator or the end of the payload.
    const auto next = static_cast<std::size_t>(batch.finding_rows[i]) + 1;
    const std::string& token = vocabulary.tokens[static_cast<std::size_t>(batch.tokens[next])];
    EXPECT_TRUE(token == "," || token == ";" || token == "]" || token == "}" || token == "▁" ||
                token == ".")
        << token;
  }
}

}  // namespace
}  // namespace wattle::learn
