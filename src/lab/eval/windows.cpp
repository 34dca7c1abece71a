#include "lab/eval/windows.hpp"

#include <fmt/format.h>

#include <algorithm>

namespace wattle::lab {
namespace {

using engine::TokenId;

Status check(const WindowOptions& options) {
  if (options.context < 2) {
    return fail(ErrorCode::out_of_range, "a window of fewer than 2 tokens predicts nothing",
                "Choose --ctx 2 or more.");
  }
  // With a begin-of-text token of its own, a window holds one token of text less.
  const std::uint32_t most =
      options.protocol == WindowProtocol::wattle ? options.context - 1 : options.context;
  if (options.stride > std::max(1U, most)) {
    return fail(ErrorCode::out_of_range,
                fmt::format("a stride of {} leaves tokens out between windows of {}",
                            options.stride, options.context),
                fmt::format("Choose --stride {} or less, or 0 for disjoint windows.", most));
  }
  if (options.protocol == WindowProtocol::llama_cpp && options.stride != 0) {
    return fail(ErrorCode::invalid_argument, "llama.cpp's windows are disjoint",
                "Leave --stride out, or choose another --protocol.");
  }
  return {};
}

std::vector<TokenId> with_bos(std::span<const TokenId> text, std::optional<TokenId> bos) {
  std::vector<TokenId> tokens;
  if (bos) tokens.push_back(*bos);
  tokens.insert(tokens.end(), text.begin(), text.end());
  return tokens;
}

// Windows of `size` tokens that begin every `stride`; each scores what no earlier one has scored
// and what has a token before it. `prefix` stands before every window.
std::vector<Window> strided(std::span<const TokenId> tokens, std::optional<TokenId> prefix,
                            std::size_t size, std::size_t stride) {
  std::vector<Window> windows;
  const std::size_t n_prefix = prefix ? 1 : 0;
  std::size_t scored = 0;  // tokens that earlier windows have scored, or passed over
  for (std::size_t begin = 0; scored < tokens.size(); begin += stride) {
    const std::size_t end = std::min(begin + size, tokens.size());
    Window window{with_bos(tokens.subspan(begin, end - begin), prefix),
                  std::max<std::size_t>(1, n_prefix + scored - begin)};
    scored = end;
    if (window.tokens.size() > window.first_scored) windows.push_back(std::move(window));
  }
  return windows;
}

std::vector<Window> second_halves(std::span<const TokenId> text, std::optional<TokenId> bos,
                                  std::size_t size) {
  const std::vector<TokenId> tokens = with_bos(text, bos);
  std::vector<Window> windows;
  for (std::size_t begin = 0; begin + size <= tokens.size(); begin += size) {
    const auto from = tokens.begin() + static_cast<std::ptrdiff_t>(begin);
    Window window{{from, from + static_cast<std::ptrdiff_t>(size)}, size / 2 + 1};
    if (bos) window.tokens.front() = *bos;
    if (window.tokens.size() > window.first_scored) windows.push_back(std::move(window));
  }
  return windows;
}

}  // namespace

Result<std::vector<Window>> plan_windows(std::span<const TokenId> text, std::optional<TokenId> bos,
                                         const WindowOptions& options) {
  WATTLE_CHECK(check(options));
  const auto or_disjoint = [&](std::size_t size) {
    return options.stride == 0 ? size : std::size_t{options.stride};
  };
  std::vector<Window> windows;
  switch (options.protocol) {
    case WindowProtocol::wattle: {
      const std::size_t size = options.context - (bos ? 1U : 0U);
      windows = strided(text, bos, size, or_disjoint(size));
      break;
    }
    case WindowProtocol::hugging_face:
      windows =
          strided(with_bos(text, bos), std::nullopt, options.context, or_disjoint(options.context));
      break;
    case WindowProtocol::llama_cpp:
      windows = second_halves(text, bos, options.context);
      break;
  }
  if (windows.empty()) {
    return fail(ErrorCode::invalid_argument,
                fmt::format("the text has {} tokens, too few to score any with windows of {}",
                            text.size(), options.context),
                "Give a longer text, or a smaller --ctx.");
  }
  if (options.max_windows > 0 && windows.size() > options.max_windows) {
    windows.resize(options.max_windows);
  }
  return windows;
}

Result<std::vector<Window>> plan_windows(const engine::Tokenizer& tokenizer, std::string_view text,
                                         const WindowOptions& options) {
  const engine::SpecialTokens& special = tokenizer.special();
  const auto tokens = tokenizer.encode(text, {.add_special = false});
  return plan_windows(tokens, special.add_bos ? special.bos : std::nullopt, options);
}

}  // namespace wattle::lab
