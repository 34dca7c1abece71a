#include "actuate/state_file.hpp"

#include <unistd.h>

#include <cerrno>
#include <limits>

#include "base/atomic_file.hpp"
#include "base/json.hpp"

namespace wattle::actuate {
namespace {

constexpr int kVersion = 1;
constexpr std::string_view kSuffix = ".state";
constexpr std::size_t kLongest = 64UL << 10;

std::unexpected<Error> damaged(const std::string& source, const std::string& why) {
  return fail(ErrorCode::invalid_format, "cannot read the state file " + source + ": " + why,
              "It says what the knob was before. Set the knob by hand, then drop the file with "
              "wattle actuate restore --forget.");
}

Result<std::string> text_of(const Json& json, const char* key, const std::string& source) {
  const auto field = json.find(key);
  if (field == json.end() || !field->is_string()) {
    return damaged(source, std::string("no text '") + key + "'");
  }
  return field->get<std::string>();
}

Result<std::int64_t> number_of(const Json& json, const char* key, const std::string& source) {
  const auto field = json.find(key);
  if (field == json.end() || !field->is_number_integer() ||
      (field->is_number_unsigned() &&
       field->get<std::uint64_t>() > std::numeric_limits<std::int64_t>::max())) {
    return damaged(source, std::string("no whole number '") + key + "'");
  }
  return field->get<std::int64_t>();
}

}  // namespace

std::string state_text(const State& state) {
  Json json = {{"version", kVersion},        {"knob", state.knob},
               {"original", state.original}, {"boot_id", state.boot_id},
               {"since_ns", state.since_ns}, {"pid", state.pid}};
  if (!state.kept.empty()) json["kept"] = state.kept;
  return dump_json(json, 2) + "\n";
}

Result<State> parse_state(std::string_view text, const std::string& source) {
  auto parsed = parse_json(text, source);
  if (!parsed) return damaged(source, "it is no JSON");
  const Json& json = *parsed;
  if (!json.is_object()) return damaged(source, "it is no JSON object");
  WATTLE_TRY(const std::int64_t version, number_of(json, "version", source));
  if (version != kVersion) return damaged(source, "unknown version " + std::to_string(version));
  State state;
  WATTLE_TRY(state.knob, text_of(json, "knob", source));
  WATTLE_TRY(state.original, text_of(json, "original", source));
  WATTLE_TRY(state.boot_id, text_of(json, "boot_id", source));
  WATTLE_TRY(state.since_ns, number_of(json, "since_ns", source));
  WATTLE_TRY(const std::int64_t pid, number_of(json, "pid", source));
  if (pid < 0 || pid > std::numeric_limits<int>::max()) return damaged(source, "no process number");
  state.pid = static_cast<int>(pid);
  if (json.contains("kept")) {
    WATTLE_TRY(state.kept, text_of(json, "kept", source));
  }
  if (state.knob.empty() || state.original.empty()) return damaged(source, "it names no setting");
  return state;
}

std::filesystem::path state_path(const std::filesystem::path& folder, std::string_view knob) {
  return folder / (std::string(knob) + std::string(kSuffix));
}

Status write_state(const std::filesystem::path& folder, const State& state) {
  return write_file_atomically(state_path(folder, state.knob), state_text(state));
}

Result<std::optional<State>> read_state(const std::filesystem::path& folder,
                                        const std::string& knob) {
  const auto path = state_path(folder, knob);
  const auto text = read_file(path, kLongest);
  if (!text && text.error().code == ErrorCode::not_found) return std::optional<State>{};
  if (!text) return damaged(path.string(), text.error().what);
  WATTLE_TRY(State state, parse_state(*text, path.string()));
  if (state.knob != knob) return damaged(path.string(), "it is about '" + state.knob + "'");
  return std::optional<State>(std::move(state));
}

Status remove_state(const std::filesystem::path& folder, const std::string& knob) {
  const auto path = state_path(folder, knob);
  if (::unlink(path.c_str()) == 0 || errno == ENOENT) return {};
  return fail_errno(errno, "cannot remove " + path.string());
}

Result<std::vector<std::string>> list_states(const std::filesystem::path& folder) {
  std::vector<std::string> knobs;
  const auto names = FsRoot("/").list(std::filesystem::absolute(folder).string());
  if (!names && names.error().code == ErrorCode::not_found) return knobs;
  if (!names) return std::unexpected(names.error());
  for (const std::string& name : *names) {
    if (name.size() > kSuffix.size() && name.ends_with(kSuffix)) {
      knobs.push_back(name.substr(0, name.size() - kSuffix.size()));
    }
  }
  return knobs;
}

std::string boot_id(const FsRoot& root) {
  const auto text = root.read_text("/proc/sys/kernel/random/boot_id", 4096);
  return text ? std::string(trim(*text)) : std::string();
}

}  // namespace wattle::actuate
