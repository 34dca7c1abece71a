#include "lab/summary.hpp"

#include <gtest/gtest.h>

#include "lab/findings.hpp"
#include "lab/format.hpp"
#include "lab/summary_table.hpp"
#include "lab/test_results.hpp"

namespace wattle::lab {
namespace {

// One configuration; each trial has one block of the given tokens and joules.
Results one_configuration(const std::vector<std::pair<std::uint64_t, double>>& trials) {
  Results results;
  results.configurations = {test_configuration(1, "F16", 0)};
  for (std::size_t t = 0; t < trials.size(); ++t) {
    const auto trial = static_cast<int>(t);
    results.blocks.push_back(test_block(trial + 1, 1, trial, trials[t].first, trials[t].second));
    results.records.push_back(test_record(trial + 1, 1, trial, 0, 10, 1, trials[t].first));
  }
  return results;
}

TEST(Summary, EnergyPerTokenIsTheMeanOverTrialsWithItsInterval) {
  // 1.0, 1.2 and 1.4 J/token: s = 0.2, t(2) = 4.3027, half width 4.3027·0.2/√3 = 0.4968
  const auto row = summarise(one_configuration({{10, 10.0}, {20, 24.0}, {10, 14.0}})).rows.at(0);
  const auto& energy = *row.energy_per_output_token_j_gross;
  EXPECT_NEAR(energy.value, 1.2, 1e-12);
  EXPECT_NEAR(energy.ci95->high - energy.value, 0.4968, 1e-4);
  EXPECT_EQ(energy.n, 3u);
  EXPECT_NEAR(row.energy_per_output_token_j_net->value, 0.72, 1e-12);
  EXPECT_NEAR(row.uncertainty->statistical, 0.2 / std::sqrt(3.0), 1e-12);
  // Boundary: 0.6 % of each trial, independent: √(Σ(0.006·x)²)/3; baseline is common: mean of 2 %.
  EXPECT_NEAR(row.uncertainty->boundary, 0.006 * std::sqrt(1.0 + 1.44 + 1.96) / 3.0, 1e-12);
  EXPECT_NEAR(row.uncertainty->baseline, 0.02 * 1.2, 1e-12);
}

TEST(Summary, OneTrialHasNoInterval) {
  const auto row = summarise(one_configuration({{10, 10.0}})).rows.at(0);
  EXPECT_NEAR(row.energy_per_output_token_j_gross->value, 1.0, 1e-12);
  EXPECT_FALSE(row.energy_per_output_token_j_gross->ci95);
  EXPECT_EQ(format_joules(row.energy_per_output_token_j_gross), "1.00 ± ? J");
}

// Energy and tokens are summed over the same parts of a trial: counting the tokens of one and the
// energy of all made J/token sixteen times too high in an earlier tool.
TEST(Summary, PartsOfATrialAddEnergyAndTokensAlike) {
  Results results = one_configuration({{10, 10.0}});
  Block second = test_block(2, 1, 0, 30, 30.0);
  second.part = 1;
  results.blocks.push_back(second);
  Block killed = test_block(3, 1, 0, 0, 0.0);  // no energy known: neither joules nor tokens count
  killed.part = 2;
  killed.closed = false;
  killed.energy.reset();
  results.blocks.push_back(killed);
  results.records.push_back(test_record(3, 1, 0, 5, 10, 1, 1000));
  const auto row = summarise(results).rows.at(0);
  EXPECT_NEAR(row.energy_per_output_token_j_gross->value, 1.0, 1e-12);
  EXPECT_EQ(row.n_requests, 2u);  // its answers are there all the same
}

TEST(Summary, RankingIsByEnergyPerTokenNotByTotal) {
  Results results = one_configuration({{10, 10.0}});  // 1 J/token, 10 J in all
  results.configurations.push_back(test_configuration(2, "Q4_0", 0));
  results.blocks.push_back(test_block(9, 2, 0, 100, 50.0));  // 0.5 J/token, 50 J in all
  results.records.push_back(test_record(9, 2, 0, 0, 10, 1, 100));
  const Summary summary = summarise(results);
  EXPECT_EQ(ranked_by_energy(summary).front()->configuration.precision, "Q4_0");
}

TEST(Summary, EnergiesOfDifferentScopeAreNeverMixedOrCompared) {
  Results results = one_configuration({{10, 10.0}, {10, 12.0}});
  results.blocks[1].energy_source = meter::EnergySource{"nvml", "counter", "GPU board"};
  const auto row = summarise(results).rows.at(0);
  EXPECT_FALSE(row.energy_per_output_token_j_gross);
  EXPECT_EQ(row.flags.at(0).first, "energy of different sensors, not combined");

  Results two = test_results(2);
  for (auto& block : two.blocks) {
    if (block.configuration_id > 4) block.energy_source->scope = "GPU board";
  }
  const Summary summary = summarise(two);
  EXPECT_FALSE(comparable(summary.rows[0], summary.rows[5]));
  const Findings findings = find_out(two, summary);
  for (const auto& finding : findings.items) {
    EXPECT_EQ(finding.text.find("instead of F16"), std::string::npos) << finding.text;
  }
}

TEST(Summary, WarmUpAndThrottledAnswersAreLeftOut) {
  Results results = one_configuration({{10, 10.0}, {10, 10.0}});
  auto warm = test_record(1, 1, 0, 1, 9999, 99, 10);
  warm.record.warmup = true;
  results.records.push_back(warm);
  auto hot = test_record(2, 1, 1, 2, 9999, 99, 10);
  hot.record.flags = {"throttled: package"};
  results.records.push_back(hot);
  Block hot_block = test_block(3, 1, 2, 10, 1000.0);
  hot_block.flags = {"clock changed during the block"};
  results.blocks.push_back(hot_block);
  const auto row = summarise(results).rows.at(0);
  EXPECT_EQ(row.n_requests, 2u);
  EXPECT_EQ(row.n_left_out, 1u);
  EXPECT_NEAR(row.ttft_ms->mean, 10.0, 1e-12);
  EXPECT_NEAR(row.energy_per_output_token_j_gross->value, 1.0, 1e-12);
}

TEST(Summary, RepeatsOfAPromptAreNotNewEvidenceOfAccuracy) {
  Results results;
  results.configurations = {test_configuration(1, "F16", 0)};
  for (int trial = 0; trial < 5; ++trial) {
    for (int prompt = 0; prompt < 4; ++prompt) {
      auto record = test_record(1, 1, trial, prompt, 10, 1, 5);
      record.record.correct = prompt != 0;
      results.records.push_back(record);
    }
  }
  const auto row = summarise(results).rows.at(0);
  EXPECT_NEAR(*row.accuracy, 0.75, 1e-12);
  EXPECT_EQ(row.n_judged_prompts, 4u);
  EXPECT_NEAR(row.accuracy_ci95->low, wilson_interval_95(3, 4)->low, 1e-12);
}

TEST(Summary, TokenRatesAreTokensOverComputingTime) {
  Results results;
  results.configurations = {test_configuration(1, "F16", 0)};
  // 100 ms to the first of 5 tokens, 25 ms for each of the others: 200 ms.
  results.records.push_back(test_record(1, 1, 0, 0, 100, 25, 5));
  const auto row = summarise(results).rows.at(0);
  EXPECT_NEAR(row.output_tokens_per_s->value, 25.0, 1e-9);
  EXPECT_NEAR(row.decode_tokens_per_s->value, 40.0, 1e-9);
  EXPECT_NEAR(row.prefill_tokens_per_s->value, 800.0, 1e-9);
  EXPECT_FALSE(row.energy_per_output_token_j_gross);  // absent is not zero
  EXPECT_EQ(how_obtained(row.energy_source), "–");
}

TEST(Summary, OutliersAreFlaggedAndKept) {
  Results results = one_configuration({{10, 10.0}});
  for (int i = 1; i < 20; ++i) {
    results.records.push_back(test_record(1, 1, 0, i, 10.0 + 0.1 * (i % 5), 1, 10));
  }
  results.records.push_back(test_record(1, 1, 0, 99, 500, 1, 10));
  const auto row = summarise(results).rows.at(0);
  EXPECT_EQ(row.ttft_ms->n, 21u);
  EXPECT_EQ(row.ttft_ms->n_outliers, 1u);
}

TEST(Summary, TableHasExactlyThePromisedColumns) {
  const std::string table = summary_table(summarise(test_results(2)));
  const std::string head = table.substr(0, table.find('\n'));
  std::size_t at = 0;
  for (const char* column : {"model", "precision", "exit layer", "TTFT", "TPOT", "tokens/s",
                             "J/token ± 95 %", "how", "accuracy", "peak memory"}) {
    const std::size_t found = head.find(column, at);
    ASSERT_NE(found, std::string::npos) << column;
    at = found + std::string(column).size();
  }
  EXPECT_EQ(at, head.size());
  EXPECT_EQ(std::count(table.begin(), table.end(), '\n'), 2 + 12);
  EXPECT_NE(table.find("modelled (all cores, 5–15 W)"), std::string::npos);
}

TEST(Findings, TheHeadlineIsOneShortSentence) {
  const auto headline = [](const Results& results) {
    return find_out(results, summarise(results)).headline;
  };
  const Results all = test_results(5);
  Results one_depth = all;  // precisions only
  std::erase_if(one_depth.configurations, [](const auto& c) { return c.exit_layer != 0; });
  Results single = all;
  single.configurations.resize(1);
  for (const Results& results : {all, one_depth, single}) {
    const std::string text = headline(results);
    EXPECT_LE(text.size(), 90U) << text;
    EXPECT_EQ(text.find('('), std::string::npos) << text;
    EXPECT_EQ(text.back(), '.') << text;
  }
}

TEST(Findings, SayWhatLeavingEarlySavesAndCosts) {
  const Results results = test_results(5);
  const Summary summary = summarise(results);
  const Findings findings = find_out(results, summary);
  EXPECT_TRUE(findings.headline.starts_with("Leaving at layer 12 saves 2")) << findings.headline;
  ASSERT_GE(findings.items.size(), 4u);
  EXPECT_NE(findings.items[1].text.find("Q4_0 instead of F16, at full depth, saves"),
            std::string::npos)
      << findings.items[1].text;
  EXPECT_NE(findings.cautions.at(0).find("modelled, not measured"), std::string::npos);
}

TEST(Findings, ADifferenceWithinTheIntervalsIsNotClaimed) {
  Results results = one_configuration({{10, 10.0}, {10, 14.0}, {10, 6.0}});
  results.configurations.push_back(test_configuration(2, "F16", 8));
  for (int trial = 0; trial < 3; ++trial) {
    results.blocks.push_back(test_block(10 + trial, 2, trial, 10, 9.0 + trial));
    results.records.push_back(test_record(10 + trial, 2, trial, 0, 10, 1, 10));
  }
  const Findings findings = find_out(results, summarise(results));
  EXPECT_NE(findings.items.at(0).text.find("by less than the trials resolve"), std::string::npos)
      << findings.items.at(0).text;
  EXPECT_EQ(findings.headline.find("saves"), std::string::npos) << findings.headline;
}

TEST(Findings, ParetoFrontHoldsWhatNothingElseBeats) {
  const Summary summary = summarise(test_results(3));
  const auto front = pareto_front(summary, "telemetry");
  ASSERT_FALSE(front.empty());
  for (const auto i : front) {
    for (const auto& other : summary.rows) {
      const bool beats = other.energy_per_output_token_j_gross->value <
                             summary.rows[i].energy_per_output_token_j_gross->value &&
                         *other.accuracy >= *summary.rows[i].accuracy;
      EXPECT_FALSE(beats);
    }
  }
  for (std::size_t k = 1; k < front.size(); ++k) {
    EXPECT_GT(*summary.rows[front[k]].accuracy, *summary.rows[front[k - 1]].accuracy);
  }
}

TEST(Format, ThreeDigitsAndFittingUnits) {
  EXPECT_EQ(three_digits(0.012345), "0.0123");
  EXPECT_EQ(three_digits(0), "0");
  EXPECT_EQ(three_digits(1234.5), "1234");
  EXPECT_EQ(format_joules(0.00512), "5.12 mJ");
  EXPECT_EQ(format_joules(2.5e-6), "2.50 µJ");
  EXPECT_EQ(format_joules(1500), "1.50 kJ");
  EXPECT_EQ(format_joules(Estimate{0.011, {}, Interval{0.01092, 0.01108}, 3}), "11.00 ± 0.08 mJ");
  EXPECT_EQ(format_ms(1234.0), "1.23 s");
  EXPECT_EQ(format_bytes(std::nullopt), "–");
  EXPECT_EQ(format_bytes(std::uint64_t{48} << 20), "48.0 MiB");
}

}  // namespace
}  // namespace wattle::lab
