#pragma once
// For tests: how far a model is from its reference logits (conformance/NAME.json).

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <string>
#include <vector>

#include "base/atomic_file.hpp"
#include "base/json.hpp"
#include "base/test_shared.hpp"
#include "engine/generate.hpp"

namespace wattle::engine {

inline std::filesystem::path conformance_folder() {
  return shared_data() / "conformance";
}

struct Deviation {
  double largest = 0;
  double nmse = 0;
  double logsumexp = 0;
};

// `path`: the model. `context` 0: its own.
inline Deviation deviation(const std::filesystem::path& path, const std::string& name, bool exact,
                           std::uint32_t context = 0) {
  const auto text = read_file(conformance_folder() / (name + ".json"));
  EXPECT_TRUE(text) << text.error().message();
  const auto reference = *parse_json(*text, name);
  const auto model = Model::load(path, {.exact = exact});
  if (!model) {
    ADD_FAILURE() << model.error().message();
    return {.largest = INFINITY, .nmse = INFINITY, .logsumexp = INFINITY};
  }
  const auto session = *Session::create(*model, {.context = context});
  const auto tokens = reference["tokens"].get<std::vector<TokenId>>();
  const auto positions = *all_logits(*session, tokens);
  Deviation result;
  double error = 0;
  double total = 0;
  for (std::size_t p = 0; p < tokens.size(); ++p) {
    const auto& expected = reference["positions"][p];
    if (exact) {
      EXPECT_EQ(positions[p].argmax, expected["argmax"].get<TokenId>()) << p;
      EXPECT_NEAR(positions[p].entropy_nats, expected["entropy_nats"].get<double>(), 1e-4);
    }
    result.logsumexp = std::max(
        result.logsumexp, std::abs(positions[p].logsumexp - expected["logsumexp"].get<double>()));
    for (std::size_t i = 0; i < 64; ++i) {
      const double want = expected["logits_first_64"][i].get<double>();
      const double difference = static_cast<double>(positions[p].logits[i]) - want;
      result.largest = std::max(result.largest, std::abs(difference));
      error += difference * difference;
      total += want * want;
    }
  }
  result.nmse = error / total;
  return result;
}

}  // namespace wattle::engine
