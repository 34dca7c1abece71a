#pragma once
// What the numbers say, in plain sentences computed from a summary. A difference that the
// intervals do not resolve is said to be none.

#include <string>
#include <vector>

#include "lab/summary.hpp"

namespace wattle::lab {

struct Finding {
  std::string title;  // "−47 %", the number a reader should remember; may be empty
  std::string text;   // one or two sentences
};

struct Findings {
  std::string headline;
  std::vector<Finding> items;
  std::vector<std::string> cautions;  // what to keep in mind: modelled energy, few trials, drift
};

[[nodiscard]] Findings find_out(const Results& results, const Summary& summary);

// Indices of rows that no other row beats in both accuracy and energy per token, cheapest first.
// Only rows that have both and share one energy source count.
[[nodiscard]] std::vector<std::size_t> pareto_front(const Summary& summary,
                                                    const std::string& suite);

}  // namespace wattle::lab
