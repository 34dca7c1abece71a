// wattle tokenize: text on standard input becomes token ids, or the way back; with --jsonl, many
// texts one after the other.
#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <charconv>
#include <cstdio>
#include <memory>

#include "base/interrupt.hpp"
#include "base/json.hpp"
#include "cli/command.hpp"
#include "engine/tokenizer_files.hpp"

namespace wattle::cli {
namespace {

struct Options {
  std::string model;
  bool decode = false;
  bool no_special = false;
  bool parse_special = false;
  bool json = false;
  bool jsonl = false;
};

Result<std::string> read_standard_input() {
  std::string text;
  std::array<char, 65536> buffer{};
  for (;;) {
    const ssize_t n = ::read(STDIN_FILENO, buffer.data(), buffer.size());
    if (interrupted()) return fail(ErrorCode::cancelled, "interrupted while reading the input");
    if (n == 0) return text;
    if (n > 0) {
      text.append(buffer.data(), static_cast<std::size_t>(n));
    } else if (errno != EINTR) {
      return fail_errno(errno, "cannot read standard input");
    }
  }
}

Status write_standard_output(std::string_view text) {
  if (std::fwrite(text.data(), 1, text.size(), stdout) != text.size() || std::fflush(stdout) != 0) {
    return fail_errno(errno, "cannot write to standard output");
  }
  return {};
}

Result<engine::TokenId> parse_id(std::string_view word, std::size_t position,
                                 std::size_t vocab_size) {
  engine::TokenId id = 0;
  const char* begin = std::to_address(word.begin());
  const char* end = begin + word.size();
  const auto [stop, error] = std::from_chars(begin, end, id);
  if (stop != end || (error != std::errc{} && error != std::errc::result_out_of_range)) {
    return fail(ErrorCode::invalid_format,
                fmt::format("cannot decode: number {} on standard input, '{}', is not a token id",
                            position, word.substr(0, 40)),
                "Give ids separated by spaces, as wattle tokenize prints them");
  }
  if (error != std::errc{} || id < 0 || static_cast<std::size_t>(id) >= vocab_size) {
    return fail(ErrorCode::invalid_format,
                fmt::format("cannot decode: token id {} (number {} on standard input) is not in "
                            "the vocabulary, which has 0 to {}",
                            word.substr(0, 40), position, vocab_size - 1),
                "Give ids of this model's vocabulary");
  }
  return id;
}

Result<std::vector<engine::TokenId>> parse_ids(std::string_view text, std::size_t vocab_size) {
  constexpr std::string_view kSpace = " \t\r\n";
  std::vector<engine::TokenId> ids;
  for (;;) {
    const std::size_t begin = text.find_first_not_of(kSpace);
    if (begin == std::string_view::npos) return ids;
    text.remove_prefix(begin);
    const std::string_view word = text.substr(0, text.find_first_of(kSpace));
    WATTLE_TRY(const auto id, parse_id(word, ids.size() + 1, vocab_size));
    ids.push_back(id);
    text.remove_prefix(word.size());
  }
}

Json pieces_json(const engine::Tokenizer& tokenizer, std::span<const engine::TokenId> ids) {
  Json pieces = Json::array();
  for (const auto id : ids) pieces.push_back(tokenizer.piece(id, true));
  return pieces;
}

Result<std::string> encode(const engine::Tokenizer& tokenizer, std::string_view text,
                           const Options& options) {
  const auto ids = tokenizer.encode(
      text, {.add_special = !options.no_special, .parse_special = options.parse_special});
  if (options.json) {
    return dump_json(Json{
               {"n_tokens", ids.size()}, {"ids", ids}, {"pieces", pieces_json(tokenizer, ids)}}) +
           '\n';
  }
  return fmt::format("{}\n", fmt::join(ids, " "));
}

Result<std::string> decode(const engine::Tokenizer& tokenizer, std::string_view text,
                           const Options& options) {
  WATTLE_TRY(const auto ids, parse_ids(text, tokenizer.vocab_size()));
  std::string decoded = tokenizer.decode(ids, options.parse_special);
  if (!options.json) return decoded;
  return dump_json(Json{{"n_tokens", ids.size()},
                        {"text", std::move(decoded)},
                        {"pieces", pieces_json(tokenizer, ids)}}) +
         '\n';
}

// A line is a text as JSON string and becomes a line of ids, or the other way round.
Result<std::string> convert_line(const engine::Tokenizer& tokenizer, std::string_view line,
                                 std::size_t number, const Options& options) {
  if (options.decode) {
    WATTLE_TRY(const auto ids, parse_ids(line, tokenizer.vocab_size()));
    return dump_json(tokenizer.decode(ids, options.parse_special)) + '\n';
  }
  const std::string source = fmt::format("line {} of standard input", number);
  WATTLE_TRY(const auto text, parse_json(line, source));
  if (!text.is_string()) {
    return fail(ErrorCode::invalid_format, fmt::format("cannot encode {}: it is no string", source),
                "Give one JSON string a line");
  }
  return encode(tokenizer, text.get_ref<const std::string&>(), options);
}

Result<std::string> convert_lines(const engine::Tokenizer& tokenizer, std::string_view text,
                                  const Options& options) {
  std::string output;
  for (std::size_t number = 1; !text.empty(); ++number) {
    const std::string_view line = text.substr(0, text.find('\n'));
    text.remove_prefix(std::min(line.size() + 1, text.size()));
    WATTLE_TRY(const auto converted, convert_line(tokenizer, line, number, options));
    output += converted;
  }
  return output;
}

Status tokenize(const Options& options) {
  WATTLE_TRY(const auto tokenizer, engine::open_tokenizer(options.model));
  WATTLE_TRY(const auto input, read_standard_input());
  if (options.jsonl) {
    WATTLE_TRY(const auto lines, convert_lines(*tokenizer, input, options));
    return write_standard_output(lines);
  }
  WATTLE_TRY(const auto output, options.decode ? decode(*tokenizer, input, options)
                                               : encode(*tokenizer, input, options));
  return write_standard_output(output);
}

}  // namespace

void add_tokenize(CLI::App& app, Invocation& invocation) {
  auto options = std::make_shared<Options>();
  CLI::App* command = app.add_subcommand(
      "tokenize", "Text on standard input becomes token ids on one line, or the way back.");
  command
      ->add_option("-m,--model", options->model,
                   "GGUF file (its vocabulary is enough), tokenizer.json, tokenizer.model, or a "
                   "folder with one of these two")
      ->required();
  command->add_flag("--decode", options->decode,
                    "Token ids on standard input become text, byte for byte");
  command->add_flag("--no-special", options->no_special,
                    "Do not add the tokens for begin and end that the model asks for");
  command->add_flag("--parse-special", options->parse_special,
                    "\"<|im_end|>\" in the text is the control token; with --decode, show them");
  CLI::Option* json = command->add_flag(
      "--json", options->json, "One JSON object; in it, bytes that are not UTF-8 become U+FFFD");
  command
      ->add_flag("--jsonl", options->jsonl,
                 "Each line is a text of its own, as JSON string; with --decode, each line of ids "
                 "becomes one")
      ->excludes(json);
  command->footer(
      "Example:\n"
      "  printf 'Hello world' | wattle tokenize -m models/telemetry-16l.gguf\n"
      "  printf 'Hello world' | wattle tokenize -m TinyLlama-1.1B-Chat-v1.0/\n"
      "  echo '1 15043 3186' | wattle tokenize -m models/telemetry-16l.gguf --decode");
  command->callback([options, &invocation] {
    invocation.run = [options] {
      const auto status = tokenize(*options);
      return status ? static_cast<int>(kOk) : report(status.error());
    };
  });
}

}  // namespace wattle::cli
