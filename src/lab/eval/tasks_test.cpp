// Task items, judging and the run over a model's layers.
#include "lab/eval/tasks.hpp"

#include <fmt/format.h>
#include <gtest/gtest.h>

#include <cmath>

#include "base/interrupt.hpp"
#include "base/test_folder.hpp"
#include "engine/generate.hpp"
#include "engine/test_model.hpp"
#include "lab/eval/answers.hpp"

namespace wattle::lab {
namespace {

using Texts = std::vector<std::string>;

TEST(Answers, AreNormalisedAsSquadDoes) {
  for (const auto& [text, normal] : {
           std::pair{"The  Eiffel Tower.", "eiffel tower"},
           {"an apple a day", "apple day"},
           {"U.S.A.", "usa"},
           {"don't", "dont"},
           {"theatre, another", "theatre another"},
           {"\t the \n", ""},
           {"", ""},
           {"Zürich\xFF", "zürich\xFF"},  // only ASCII letters change; any bytes are taken
       }) {
    EXPECT_EQ(normalize_answer(text), normal);
  }
}

TEST(Answers, ExactContainsAndF1) {
  const Texts right = {"New York City", "the Big Apple"};
  EXPECT_EQ(exact_match("new york city!", right), 1.0);
  EXPECT_EQ(exact_match("Big Apple", right), 1.0);
  EXPECT_EQ(exact_match("New York", right), 0.0);
  EXPECT_EQ(contains_match("It is the big, apple I think", right), 1.0);
  EXPECT_EQ(contains_match("It is the big applecart", right), 0.0);  // whole words
  EXPECT_EQ(contains_match("", right), 0.0);
  // 2 of 2 words right, 2 of 3 found: P = 1, R = ⅔, F1 = 0.8.
  EXPECT_DOUBLE_EQ(f1_match("New York", right), 0.8);
  // One "big" of three matches: P = ⅓, R = ½, F1 = 0.4.
  EXPECT_DOUBLE_EQ(f1_match("big big big", right), 0.4);
  EXPECT_EQ(f1_match("London", right), 0.0);
  EXPECT_EQ(f1_match("", right), 0.0);
  EXPECT_EQ(f1_match("the", Texts{"a"}), 1.0);  // both without words
  EXPECT_EQ(exact_match("x", {}), 0.0);
  EXPECT_EQ(f1_match("x", {}), 0.0);
}

TEST(TaskItems, SuitesQuestionsAndNaturalQuestions) {
  const auto file = parse_tasks(
      R"({"id":"s","text":"Status?","expect":{"status":"warning","cause":"gas leak"}}
{"question":"who wrote it","answer":["Ann Lee","A. Lee"]}

{"question":"when","answers":"1997"}
{"example_id":-5655493461695504401,"question_text":"what is the capital","annotations":[{"yes_no_answer":"NONE","short_answers":[{"start_token":1,"end_token":4}]},{"short_answers":[{"start_token":4,"end_token":5}]}],"document_tokens":[{"token":"<P>","html_token":true},{"token":"New","html_token":false},{"token":"<B>","html_token":true},{"token":"Delhi","html_token":false},{"token":"Delhi","html_token":false}]}
{"example_id":7,"question_text":"is it so","document_text":"<P> Yes it is </P>","annotations":[{"yes_no_answer":"YES","short_answers":[]},{"short_answers":[{"start_token":1,"end_token":5}]}]}
{"example_id":8,"question_text":"none","document_text":"x","annotations":[{"yes_no_answer":"NONE","short_answers":[]}]}
{"text":"no expectation"}
)",
      "t.jsonl");
  ASSERT_TRUE(file) << file.error().message();
  EXPECT_EQ(file->n_unanswered, 2u);
  ASSERT_EQ(file->items.size(), 5u);
  EXPECT_EQ(file->items[0].every, (Texts{"warning", "gas leak"}));
  EXPECT_FALSE(file->items[0].is_question);
  EXPECT_EQ(file->items[1].id, "line-2");
  EXPECT_EQ(file->items[1].any, (Texts{"Ann Lee", "A. Lee"}));
  EXPECT_TRUE(file->items[1].is_question);
  EXPECT_EQ(file->items[2].any, (Texts{"1997"}));
  EXPECT_EQ(file->items[3].id, "-5655493461695504401");
  EXPECT_EQ(file->items[3].any, (Texts{"New Delhi", "Delhi"}));
  EXPECT_EQ(file->items[4].any, (Texts{"yes", "Yes it is"}));
}

TEST(TaskItems, ErrorsNameTheLine) {
  const std::string nq = R"({"question_text":"q","document_text":"a b","annotations":)";
  const struct {
    std::string text;
    const char* words;
  } cases[] = {
      {"", "no line has a right answer"},
      {"{\"text\":\"x\"}", "(1 have none)"},
      {"\n{\"text\":", "t.jsonl:2"},
      {"[1]", "not a JSON object"},
      {"{\"id\":1}", "none of 'text'"},
      {"{\"question\":3,\"answer\":\"x\"}", "'question' must be a text"},
      {"{\"question\":\"x\"}", "'answer' is missing"},
      {"{\"question\":\"\",\"answer\":\"x\"}", "the question is empty"},
      {"{\"question\":\"x\",\"answer\":[1]}", "'answer' must be a text or texts"},
      {"{\"question\":\"x\",\"answer\":{}}", "'answer' must be a text or texts"},
      {"{\"id\":[],\"question\":\"x\",\"answer\":\"y\"}", "'id' must be"},
      {"{\"id\":\"a\",\"text\":\"x\",\"expect\":{\"k\":\"\"}}", "'expect.k' must be a text"},
      {"{\"id\":1,\"text\":\"x\"}\n{\"id\":1,\"text\":\"x\"}", "t.jsonl:2: id '1' is already"},
      {nq + "3}", "'annotations' must be a list"},
      {nq + "[{\"short_answers\":3}]}", "'short_answers' must be a list"},
      {nq + "[{\"short_answers\":[3]}]}", "from token -1 to -1"},
      {nq + "[{\"short_answers\":[{\"start_token\":1,\"end_token\":3}]}]}", "document of 2"},
      {nq + "[{\"short_answers\":[{\"start_token\":1,\"end_token\":1}]}]}", "from token 1 to 1"},
      {R"({"question_text":"q","annotations":[{"short_answers":[{}]}]})", "'document_text'"},
      {R"({"question_text":"q","document_tokens":[3],"annotations":[{"short_answers":[{}]}]})",
       "'document_tokens[0]'"},
  };
  for (const auto& bad : cases) {
    const auto file = parse_tasks(bad.text, "t.jsonl");
    ASSERT_FALSE(file) << bad.text;
    EXPECT_EQ(file.error().code, ErrorCode::invalid_format);
    EXPECT_NE(file.error().what.find("t.jsonl"), std::string::npos);
    EXPECT_NE(file.error().what.find(bad.words), std::string::npos) << file.error().what;
  }
}

TEST(TaskJudge, FollowsMetricAndKindOfItem) {
  const TaskItem suite{"s", "?", false, {}, {"gas leak", "Warning"}};
  EXPECT_EQ(judge(suite, "WARNING: a gas leak", TaskMetric::contains), 1.0);
  EXPECT_EQ(judge(suite, "a gas leak", TaskMetric::contains), 0.0);
  const TaskItem question{"q", "?", true, {"gas leak"}, {}};
  EXPECT_EQ(judge(question, "A gas leak.", TaskMetric::exact), 1.0);
  EXPECT_DOUBLE_EQ(judge(question, "leak", TaskMetric::f1), 2.0 / 3.0);
  EXPECT_EQ(default_metric(std::vector{suite, question}), TaskMetric::contains);
  EXPECT_EQ(default_metric(std::vector{question}), TaskMetric::exact);
  EXPECT_FALSE(check_tasks(std::vector{suite}, {.metric = TaskMetric::exact}));
  EXPECT_TRUE(check_tasks(std::vector{suite}, {.metric = TaskMetric::contains}));
  EXPECT_FALSE(check_tasks(std::vector{question}, {.question_prompt = "Say:"}));
}

TEST(TaskSummaryTest, MeansAndPairedDifferences) {
  const auto scores = [](std::initializer_list<double> values) {
    std::vector<TaskScore> made;
    for (const double value : values) made.push_back({value, ""});
    return made;
  };
  const auto right = summarize_tasks(scores({1, 1, 0, 1}), TaskMetric::exact);
  EXPECT_EQ(right.mean, 0.75);
  EXPECT_NEAR(right.interval_95->low, 0.3006, 1e-4);  // Wilson, 3 of 4
  EXPECT_NEAR(right.interval_95->high, 0.9544, 1e-4);
  const auto f1 = summarize_tasks(scores({0.5, 0.5, 0.5}), TaskMetric::f1);
  EXPECT_EQ(f1.interval_95->low, 0.5);
  EXPECT_EQ(f1.interval_95->high, 0.5);
  // Each item the same amount better: the difference is certain although the scores vary.
  const auto pair = compare_tasks(scores({0.75, 1.0, 0.25}), scores({0.5, 0.75, 0.0}));
  EXPECT_EQ(pair.mean, 0.25);
  EXPECT_EQ(pair.interval_95->low, 0.25);
  EXPECT_EQ(pair.interval_95->high, 0.25);
  EXPECT_EQ(compare_tasks(scores({1, 1, 1}), scores({0})).n, 1u);
  EXPECT_EQ(summarize_tasks({}, TaskMetric::exact).n, 0u);
}

class TaskRun : public testing::Test {
 protected:
  TaskRun() {
    const auto path = folder_.path() / "m.gguf";
    EXPECT_TRUE(engine::TestModel({}).write(path));
    model_ = *engine::Model::load(path, {});
  }
  ~TaskRun() override { set_interrupted(false); }
  TestFolder folder_;
  std::shared_ptr<const engine::Model> model_;
};

// The answers are those of generate() at each exit layer; what each layer says is its right answer.
TEST_F(TaskRun, EveryLayerAnswersAndIsJudged) {
  std::vector<TaskItem> items;
  for (std::uint32_t layer = 1; layer <= 3; ++layer) {
    const auto session = *engine::Session::create(model_);
    const std::string text = fmt::format("w{}", layer);
    const auto prompt = model_->tokenizer().encode(text, {});
    engine::GenerateOptions options;
    options.max_tokens = 8;
    options.exit.layer = layer;
    items.push_back({text, text, false, {}, {engine::generate(*session, prompt, options)->text}});
  }
  const auto made = run_tasks(model_, items, {.layers = {1, 2, 0}, .max_tokens = 8});
  ASSERT_TRUE(made) << made.error().message();
  ASSERT_EQ(made->size(), 3u);
  EXPECT_EQ((*made)[2].layer, 3u);
  for (std::size_t l = 0; l < 3; ++l) {
    ASSERT_EQ((*made)[l].items.size(), 3u);
    EXPECT_EQ((*made)[l].items[l].score, 1.0);
    EXPECT_EQ((*made)[l].items[l].answer, items[l].every[0]);
  }
}

TEST_F(TaskRun, CtrlCKeepsTheAnswersBeforeItAndErrorsNameTheItem) {
  const std::vector<TaskItem> items = {{"a", "w1", false, {}, {"x"}},
                                       {"b", "w2", false, {}, {"x"}}};
  const auto made = run_tasks(
      model_, items, {.max_tokens = 4, .on_progress = [](std::size_t done, std::size_t total) {
                        EXPECT_EQ(total, 2u);
                        if (done == 1) set_interrupted(true);
                        return true;
                      }});
  ASSERT_TRUE(made);
  EXPECT_EQ((*made)[0].items.size(), 1u);
  set_interrupted(false);
  const std::vector<TaskItem> longer = {{"huge", std::string(200, 'x'), false, {}, {"x"}}};
  const auto failed = run_tasks(model_, longer, {});
  ASSERT_FALSE(failed);
  EXPECT_NE(failed.error().what.find("item huge"), std::string::npos) << failed.error().what;
}

}  // namespace
}  // namespace wattle::lab
