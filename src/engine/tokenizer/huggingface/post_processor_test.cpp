#include "engine/tokenizer/huggingface/post_processor.hpp"

#include <gmock/gmock.h>

#include "engine/tokenizer/huggingface/test_json.hpp"

namespace wattle::engine::huggingface {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

const std::string kTemplate = R"({"type":"TemplateProcessing",
    "single":[{"SpecialToken":{"id":"<s>","type_id":0}},{"Sequence":{"id":"A","type_id":0}},
              {"SpecialToken":{"id":"</s>","type_id":0}}],
    "pair":[],
    "special_tokens":{"<s>":{"id":"<s>","ids":[1,5],"tokens":["<s>","x"]},
                      "</s>":{"id":"</s>","ids":[2],"tokens":["</s>"]}}})";

TEST(PostProcessor, ATemplateSaysWhatStandsAround) {
  const TestJson json(kTemplate);
  const auto around = read_post_processor(json.part());
  ASSERT_TRUE(around.has_value()) << around.error().message();
  EXPECT_THAT(around->before, ElementsAre(1, 5));
  EXPECT_THAT(around->behind, ElementsAre(2));
}

TEST(PostProcessor, ByteLevelAddsNothingAndSequencesNest) {
  const TestJson none("null");
  EXPECT_TRUE(read_post_processor(none.part())->before.empty());
  const TestJson json(R"({"type":"Sequence","processors":[{"type":"ByteLevel"},)" + kTemplate +
                      "," + kTemplate + "]}");
  const auto around = read_post_processor(json.part());
  ASSERT_TRUE(around.has_value()) << around.error().message();
  EXPECT_THAT(around->before, ElementsAre(1, 5, 1, 5));
  EXPECT_THAT(around->behind, ElementsAre(2, 2));
}

TEST(PostProcessor, ErrorsNameThePlace) {
  const auto read = [](const std::optional<Place>& place) { return read_post_processor(place); };
  EXPECT_THAT(error_of(R"({"type":"RobertaProcessing"})", read), HasSubstr("'RobertaProcessing'"));
  EXPECT_THAT(error_of(R"({"type":"TemplateProcessing","single":[{"SpecialToken":{"id":"x"}}],
                  "special_tokens":{}})",
                       read),
              HasSubstr("/part/special_tokens has no 'x'"));
  EXPECT_THAT(error_of(R"({"type":"TemplateProcessing","single":[{"Sequence":{"id":"B"}}]})", read),
              HasSubstr("/part/single/0 is not the one place"));
  EXPECT_THAT(error_of(R"({"type":"TemplateProcessing","single":[]})", read),
              HasSubstr("/part/single has no place for the text"));
}

}  // namespace
}  // namespace wattle::engine::huggingface
