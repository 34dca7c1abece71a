// Any text as a prompt suite: an error that names the line, or prompts with unique ids.
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <set>
#include <string>
#include <string_view>

#include "lab/suite.hpp"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  const auto prompts = wattle::lab::parse_suite(text, "fuzz.jsonl");
  if (!prompts) {
    if (!prompts.error().what.contains("fuzz.jsonl")) std::abort();
    return 0;
  }
  std::set<std::string> ids;
  for (const auto& prompt : *prompts) {
    if (prompt.text.empty() || !ids.insert(prompt.id).second) std::abort();
    static_cast<void>(wattle::lab::is_correct(prompt, text));
  }
  return 0;
}
