#include "learn/telemetry/example.hpp"

#include "learn/telemetry/wording.hpp"

namespace wattle::learn {

Example make_example(Random& random, Split split) {
  const Case made = make_case(random, split);
  std::string prompt = prompt_text(made, random, split);
  return {std::move(prompt), answer_text(made.verdict), made.verdict};
}

}  // namespace wattle::learn
