#include "lab/manifest.hpp"

#include <gtest/gtest.h>

#include "base/test_folder.hpp"

namespace wattle::lab {
namespace {

const ManifestContext kNoFiles{"", false};

TEST(Manifest, ReadsEverything) {
  const auto manifest = parse_manifest(R"(name: trial run
description: two lines
models:
  - a/one.gguf
  - {name: second, file: two.gguf}
precisions: [file, q4_0]
exit_layers: [4, full]
suites:
  - p/sd.jsonl
  - file: p/telemetry.jsonl
    limit: 40
    rotate: true
trials: 7
warmup: 2
seed: 99
threads: 2
context: 512
generate:
  max_tokens: 64
  temperature: 0.8
  top_k: 40
  top_p: 0.95
  min_p: 0.05
  seed: 3
  ignore_eos: true
  stop: ["\n\n", END]
measure:
  energy: true
  idle_seconds: 2.5
  min_block_seconds: 3
  min_sensor_updates: 20
  max_seconds_per_configuration: 60
  root: /recorded
output: results/here
)",
                                       "m.yaml", {"manifests", false});
  ASSERT_TRUE(manifest) << manifest.error().message();
  EXPECT_EQ(manifest->name, "trial run");
  ASSERT_EQ(manifest->models.size(), 2u);
  EXPECT_EQ(manifest->models[0].name, "one");
  EXPECT_EQ(manifest->models[0].file, "manifests/a/one.gguf");
  EXPECT_EQ(manifest->models[1].name, "second");
  EXPECT_EQ(manifest->models[1].place.line, 5);
  EXPECT_EQ(manifest->precisions, (std::vector{Precision::file, Precision::q4_0}));
  ASSERT_EQ(manifest->exit_layers.size(), 2u);
  EXPECT_EQ(manifest->exit_layers[0].layer, 4u);
  EXPECT_EQ(manifest->exit_layers[1].layer, 0u);
  ASSERT_EQ(manifest->suites.size(), 2u);
  EXPECT_EQ(manifest->suites[1].limit, 40u);
  EXPECT_TRUE(manifest->suites[1].rotate);
  EXPECT_EQ(manifest->trials, 7u);
  EXPECT_EQ(manifest->warmup, 2u);
  EXPECT_EQ(manifest->seed, 99u);
  EXPECT_EQ(manifest->generate.max_tokens, 64u);
  EXPECT_FLOAT_EQ(manifest->generate.sampling.top_p, 0.95F);
  EXPECT_EQ(manifest->generate.stop, (std::vector<std::string>{"\n\n", "END"}));
  EXPECT_TRUE(manifest->generate.ignore_eos);
  EXPECT_DOUBLE_EQ(manifest->measure.idle_seconds, 2.5);
  EXPECT_EQ(manifest->measure.root, "/recorded");
  EXPECT_EQ(manifest->output, "results/here");
}

TEST(Manifest, ExplicitZerosAreKept) {
  const auto manifest = parse_manifest(
      "models: [m.gguf]\nsuites: [s.jsonl]\nwarmup: 0\nseed: 0\n"
      "generate: {temperature: 0, seed: 0}\n"
      "measure: {idle_seconds: 0, min_block_seconds: 0, min_sensor_updates: 0}\n",
      "m.yaml", kNoFiles);
  ASSERT_TRUE(manifest) << manifest.error().message();
  EXPECT_EQ(manifest->warmup, 0u);
  EXPECT_EQ(manifest->seed, 0u);
  EXPECT_EQ(manifest->generate.sampling.temperature, 0.0F);
  EXPECT_EQ(manifest->measure.idle_seconds, 0.0);
  EXPECT_EQ(manifest->measure.min_block_seconds, 0.0);
  EXPECT_EQ(manifest->measure.min_sensor_updates, 0u);
}

TEST(Manifest, DefaultsFollowTheProtocol) {
  const auto manifest =
      parse_manifest("models: [m.gguf]\nsuites: [s.jsonl]\n", "x/night.yaml", kNoFiles);
  ASSERT_TRUE(manifest) << manifest.error().message();
  EXPECT_EQ(manifest->name, "night");
  EXPECT_EQ(manifest->output, "results/night");
  EXPECT_EQ(manifest->trials, 10u);
  EXPECT_GE(manifest->measure.min_block_seconds, 5.0);
  EXPECT_GE(manifest->measure.min_sensor_updates, 50u);
  EXPECT_EQ(manifest->exit_layers.size(), 1u);
  EXPECT_EQ(manifest->exit_layers[0].layer, 0u);
}

struct BadCase {
  const char* name;
  const char* text;
  const char* place;
  const char* message;
};

class BadManifest : public testing::TestWithParam<BadCase> {};

TEST_P(BadManifest, IsRefusedWithPlaceAndReason) {
  const auto& [name, text, place, message] = GetParam();
  const auto manifest = parse_manifest(text, "m.yaml", kNoFiles);
  ASSERT_FALSE(manifest);
  EXPECT_EQ(manifest.error().code, ErrorCode::invalid_format);
  EXPECT_NE(manifest.error().what.find(std::string(place) + ": "), std::string::npos)
      << manifest.error().what;
  EXPECT_NE(manifest.error().what.find(message), std::string::npos) << manifest.error().what;
}

#define WATTLE_BASIS "models: [m.gguf]\nsuites: [s.jsonl]\n"
INSTANTIATE_TEST_SUITE_P(
    Table, BadManifest,
    testing::Values(
        BadCase{"empty", "", "m.yaml:1:1", "a manifest is a mapping"},
        BadCase{"a_list", "- a\n- b\n", "m.yaml:1:1", "found a list"},
        BadCase{"not_yaml", "models: [a\n", "m.yaml:2:1", "not valid YAML"},
        BadCase{"tab", "models:\n\t- a\n", "m.yaml:2:2", "not valid YAML"},
        BadCase{"no_models", "suites: [s.jsonl]\n", "m.yaml:1:1", "the key 'models' is missing"},
        BadCase{"no_suites", "models: [m.gguf]\n", "m.yaml:1:1", "the key 'suites' is missing"},
        BadCase{"unknown_key", WATTLE_BASIS "trails: 3\n", "m.yaml:3:1",
                "unknown key 'trails'; did you mean 'trials'?"},
        BadCase{"unknown_far", WATTLE_BASIS "zzz: 3\n", "m.yaml:3:1",
                "unknown key 'zzz'; known keys: name, description, models"},
        BadCase{"unknown_nested", WATTLE_BASIS "generate:\n  max_token: 3\n", "m.yaml:4:3",
                "unknown key 'max_token' in 'generate'; did you mean 'max_tokens'?"},
        BadCase{"twice", WATTLE_BASIS "trials: 3\ntrials: 4\n", "m.yaml:4:1", "appears twice"},
        BadCase{"negative", WATTLE_BASIS "trials: -1\n", "m.yaml:3:9",
                "'trials' must be a whole number from 1 to 10000, found '-1'"},
        BadCase{"zero_trials", WATTLE_BASIS "trials: 0\n", "m.yaml:3:9",
                "'trials' is 0, it must be from 1 to 10000"},
        BadCase{"fraction", WATTLE_BASIS "trials: 2.5\n", "m.yaml:3:9", "found '2.5'"},
        BadCase{"quoted", WATTLE_BASIS "trials: \"3\"\n", "m.yaml:3:9", "found the text '3'"},
        BadCase{"huge", WATTLE_BASIS "seed: 99999999999999999999999\n", "m.yaml:3:7",
                "must be a whole number"},
        BadCase{"a_list_for_a_number", WATTLE_BASIS "trials: [3]\n", "m.yaml:3:9", "found a list"},
        BadCase{"no_value", WATTLE_BASIS "trials:\n", "m.yaml:3:1", "'trials' has no value"},
        BadCase{"nan", WATTLE_BASIS "measure: {idle_seconds: nan}\n", "m.yaml:3:25",
                "must be a number, found 'nan'"},
        BadCase{"range", WATTLE_BASIS "generate: {top_p: 1.5}\n", "m.yaml:3:19",
                "'generate.top_p' is 1.5, it must be between 0 and 1"},
        BadCase{"bool", WATTLE_BASIS "measure: {energy: yes}\n", "m.yaml:3:19",
                "'measure.energy' must be true or false, found 'yes'"},
        BadCase{"empty_list", "models: []\nsuites: [s.jsonl]\n", "m.yaml:1:9", "an empty list"},
        BadCase{"not_a_list", "models: m.gguf\nsuites: [s.jsonl]\n", "m.yaml:1:9",
                "must be a list such as [a, b]"},
        BadCase{"empty_model", "models: [\"\"]\nsuites: [s.jsonl]\n", "m.yaml:1:10", "lists files"},
        BadCase{"model_twice", "models: [a/m.gguf, b/m.gguf]\nsuites: [s.jsonl]\n", "m.yaml:1:20",
                "two models are called 'm'"},
        BadCase{"no_file", "models: [{name: x}]\nsuites: [s.jsonl]\n", "m.yaml:1:10",
                "needs a 'file'"},
        BadCase{"suite_twice", "models: [m.gguf]\nsuites: [a/s.jsonl, b/s.jsonl]\n", "m.yaml:2:21",
                "two suites are called 's'"},
        BadCase{"rotate", "models: [m.gguf]\nsuites: [{file: s.jsonl, rotate: true}]\n",
                "m.yaml:2:10", "'rotate' needs a 'limit'"},
        BadCase{"precision", WATTLE_BASIS "precisions: [file, int8]\n", "m.yaml:3:20",
                "unknown precision 'int8'; use file (as it is), f16, q8_0 or q4_0"},
        BadCase{"precision_twice", WATTLE_BASIS "precisions: [file, file]\n", "m.yaml:3:20",
                "listed twice"},
        BadCase{"layer_zero", WATTLE_BASIS "exit_layers: [0]\n", "m.yaml:3:15",
                "a whole number from 1, or full; found '0'"},
        BadCase{"layer_text", WATTLE_BASIS "exit_layers: [ful]\n", "m.yaml:3:15", "found 'ful'"},
        BadCase{"layer_twice", WATTLE_BASIS "exit_layers: [4, 4]\n", "m.yaml:3:18", "listed twice"},
        BadCase{"stop", WATTLE_BASIS "generate: {stop: [\"\"]}\n", "m.yaml:3:19", "an empty one"},
        BadCase{"name", WATTLE_BASIS "name: a/b\n", "m.yaml:1:1", "'name' must be"},
        BadCase{"deep", "models: [[m.gguf]]\nsuites: [s.jsonl]\n", "m.yaml:1:10", "found a list"},
        BadCase{"key_list", WATTLE_BASIS "? [a]\n: 3\n", "m.yaml:3:3", "a key must be a text"}),
    [](const auto& tested) { return std::string(tested.param.name); });

TEST(Manifest, AllProblemsAreReportedAtOnceInTheOrderOfTheFile) {
  const auto manifest =
      parse_manifest("models: []\ntrails: 3\nsuites: [s.jsonl]\nwarmup: x\ngenerate:\n  top_p: 7\n",
                     "m.yaml", kNoFiles);
  ASSERT_FALSE(manifest);
  EXPECT_EQ(manifest.error().what,
            "m.yaml has 4 problems:\n"
            "  m.yaml:1:9: 'models' is an empty list; name at least one, or remove the key\n"
            "  m.yaml:2:1: unknown key 'trails'; did you mean 'trials'?\n"
            "  m.yaml:4:9: 'warmup' must be a whole number from 0 to 1000, found 'x'\n"
            "  m.yaml:6:10: 'generate.top_p' is 7, it must be between 0 and 1");
}

TEST(Manifest, FilesAreLookedForBesideTheManifestAndMissingOnesNamed) {
  const TestFolder folder;
  folder.write("models/m.gguf", "x");
  folder.write("manifests/s.jsonl", "x");
  const auto good =
      folder.write("manifests/good.yaml", "models: [../models/m.gguf]\nsuites: [s.jsonl]\n");
  const auto manifest = load_manifest(good);
  ASSERT_TRUE(manifest) << manifest.error().message();
  EXPECT_EQ(manifest->models[0].file, folder.path() / "models/m.gguf");
  const auto bad = load_manifest(
      folder.write("manifests/bad.yaml", "models: [m.gguf]\nsuites: [gone.jsonl, /none.jsonl]\n"));
  ASSERT_FALSE(bad);
  for (const char* part : {"bad.yaml:1:10: no such model file: m.gguf (looked for ",
                           "bad.yaml:2:10: no such suite file: gone.jsonl",
                           "bad.yaml:2:22: no such suite file: /none.jsonl"}) {
    EXPECT_NE(bad.error().what.find(part), std::string::npos) << bad.error().what;
  }
  EXPECT_EQ(load_manifest(folder.path() / "none.yaml").error().code, ErrorCode::not_found);
}

TEST(Manifest, DeepNestingIsAnErrorNotACrash) {
  const std::string deep(100'000, '[');
  EXPECT_FALSE(parse_manifest(deep, "m.yaml", kNoFiles));
}

}  // namespace
}  // namespace wattle::lab
