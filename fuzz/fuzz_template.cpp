// Any text as a chat template over a fixed conversation, within small limits: a prompt, or an error
// that says where; never a crash, and never more than was allowed.
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string_view>

#include "base/clock.hpp"
#include "engine/chat_template.hpp"

namespace {

using namespace wattle;

constexpr engine::TemplateLimits kLimits{.output_bytes = std::size_t{1} << 16U,
                                         .work_bytes = std::size_t{4} << 20U,
                                         .steps = 20'000,
                                         .range_length = 1'000};

const Json& conversation() {
  static const Json variables = *parse_json(R"({"bos_token": "<s>", "eos_token": "</s>",
    "add_generation_prompt": true, "tools": [{"name": "f", "at": [1, -2.5, null, true, {}]}],
    "messages": [{"role": "system", "content": "  é \ud83d\ude00\n"},
                 {"role": "user", "content": "a<b>'\"\\"},
                 {"role": "assistant", "content": "", "tool_calls": [{"name": "f"}]}]})",
                                            "conversation");
  return variables;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  const auto parsed = engine::ChatTemplate::parse(text, "fuzz.jinja", kLimits);
  if (!parsed) {
    if (!parsed.error().what.starts_with("fuzz.jinja")) std::abort();
    return 0;
  }
  const FakeClock clock(0, 1'795'182'305'000'000'000);
  const auto prompt = parsed->render(conversation(), &clock);
  if (prompt && prompt->size() > kLimits.output_bytes) std::abort();
  if (!prompt && prompt.error().code == ErrorCode::internal) std::abort();
  const auto again = parsed->render(conversation(), &clock);
  if (prompt.has_value() != again.has_value() || (prompt && *prompt != *again)) std::abort();
  return 0;
}
