#include "sense/run_windows.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <map>

#include "base/atomic_file.hpp"
#include "base/fs_root.hpp"
#include "base/json.hpp"
#include "sense/log_table.hpp"
#include "sense/log_time.hpp"

namespace wattle::sense {
namespace {

constexpr std::size_t kLargestFile = std::size_t{1} << 29;
constexpr double kLongestRunS = 1e7;
constexpr const char* kRemedy =
    "Wanted are records of `wattle run` or `wattle lab`, or columns such as begin and end, or "
    "timestamp and duration_s (docs/sense-logs.md).";

using Fields = std::map<std::string, std::string>;  // lower-case name → text, without empty ones

const std::string* first_of(const Fields& fields, std::initializer_list<const char*> names) {
  for (const char* name : names) {
    const auto it = fields.find(name);
    if (it != fields.end()) return &it->second;
  }
  return nullptr;
}

class Builder {
 public:
  explicit Builder(const RunOptions& options) : options_(options) {}

  void add(const Fields& fields, std::size_t number) {
    const std::string* begin_text =
        first_of(fields, {"begin", "start", "begin_time", "start_time", "begin_s", "start_s",
                          "started", "timestamp", "time"});
    const std::string* end_text =
        first_of(fields, {"end", "stop", "end_time", "stop_time", "end_s", "finished"});
    const auto seconds = duration_s(fields);
    std::optional<std::int64_t> begin_ns = begin_text ? moment(*begin_text) : std::nullopt;
    std::optional<std::int64_t> end_ns = end_text ? moment(*end_text) : std::nullopt;
    if (begin_ns && !end_ns && seconds) {
      const auto length_ns = static_cast<std::int64_t>(*seconds * 1e9);
      if (options_.timestamp_is_end && !end_text) {
        end_ns = begin_ns;
        begin_ns = *end_ns - length_ns;
      } else {
        end_ns = *begin_ns + length_ns;
      }
    }
    if (!begin_ns || !end_ns || *end_ns <= *begin_ns) {
      if (n_bad_++ == 0) first_bad_ = number;
      return;
    }
    list_.runs.push_back({name_of(fields, number), *begin_ns, *end_ns});
  }

  Result<RunList> finish(const std::string& source) {
    if (n_bad_ > 0) {
      list_.notes.push_back(
          fmt::format("{} run{} without a begin and an end after it left out (first: row {})",
                      n_bad_, n_bad_ == 1 ? "" : "s", first_bad_));
    }
    if (list_.runs.empty()) {
      return fail(ErrorCode::invalid_format, "no run in " + source, kRemedy);
    }
    list_.relative = relative_;
    return std::move(list_);
  }

 private:
  static std::optional<double> duration_s(const Fields& fields) {
    constexpr double kMs = 1e-3;
    const std::string* ms =
        first_of(fields, {"e2e_latency_ms", "latency_ms", "duration_ms", "total_ms", "elapsed_ms"});
    const std::string* s =
        first_of(fields, {"duration_s", "duration", "seconds", "elapsed_s", "latency_s"});
    const auto number = ms ? parse_number(*ms) : s ? parse_number(*s) : std::nullopt;
    if (!number || *number <= 0.0) return std::nullopt;
    const double seconds = *number * (ms ? kMs : 1.0);
    if (seconds > kLongestRunS) return std::nullopt;
    return seconds;
  }

  std::optional<std::int64_t> moment(const std::string& text) {
    if (!relative_) {
      if (const auto time = parse_timestamp(text)) {
        absolute_ = true;
        return time->ns;
      }
    }
    const auto seconds = parse_number(text);
    if (!seconds || absolute_ || std::abs(*seconds) > kLongestRunS) return std::nullopt;
    relative_ = true;
    return static_cast<std::int64_t>(*seconds * 1e9);
  }

  static std::string name_of(const Fields& fields, std::size_t number) {
    std::string name;
    for (const char* part : {"run_id", "id", "name", "prompt_id"}) {
      const auto it = fields.find(part);
      if (it != fields.end()) name += (name.empty() ? "" : "/") + it->second;
    }
    const auto trial = fields.find("trial");
    if (!name.empty() && trial != fields.end()) name += "#" + trial->second;
    return name.empty() ? fmt::format("{}", number) : name;
  }

  RunOptions options_;
  RunList list_;
  bool relative_ = false;
  bool absolute_ = false;
  std::size_t n_bad_ = 0;
  std::size_t first_bad_ = 0;
};

Fields fields_of(const Json& object) {
  Fields fields;
  for (const auto& [key, value] : object.items()) {
    if (value.is_string()) {
      const auto text = value.get<std::string>();
      if (!text.empty()) fields[lower_case(key)] = text;
    } else if (value.is_number() || value.is_boolean()) {
      fields[lower_case(key)] = dump_json(value);
    }
  }
  return fields;
}

Status add_json(std::string_view text, Builder& builder) {
  WATTLE_TRY(const Json json, parse_json(text, "the file"));
  std::size_t number = 0;
  const auto add_all = [&](const Json& list) {
    for (const Json& object : list) {
      ++number;
      if (object.is_object()) builder.add(fields_of(object), number);
    }
  };
  if (json.is_array()) add_all(json);
  return {};
}

Status add_jsonl(std::string_view text, Builder& builder) {
  CsvRows lines(text);
  while (!lines.rest().empty()) {
    const std::string_view line = lines.take_line();
    if (line.empty()) continue;
    if (line.size() > kLongestLogLine) {
      return fail(ErrorCode::invalid_format,
                  fmt::format("line {} is longer than a record can be", lines.line()));
    }
    const auto json = parse_json(line, fmt::format("line {}", lines.line()));
    if (json && json->is_object()) {
      builder.add(fields_of(*json), lines.line());
    } else if (!lines.unfinished()) {  // a writer that was killed leaves half a line
      return fail(ErrorCode::invalid_format, fmt::format("line {} is no JSON object", lines.line()),
                  kRemedy);
    }
  }
  return {};
}

Status add_csv(std::string_view text, Builder& builder) {
  CsvRows rows(text);
  std::vector<std::string> cells;
  WATTLE_TRY(bool more, rows.next(cells));
  const Header header(cells);
  while (true) {
    WATTLE_TRY(more, rows.next(cells));
    if (!more) return {};
    if (cells.size() == 1 && cells[0].empty()) continue;
    Fields fields;
    for (std::size_t i = 0; i < std::min(cells.size(), header.size()); ++i) {
      if (!cells[i].empty()) fields[header.names()[i]] = cells[i];
    }
    builder.add(fields, rows.line());
  }
}

}  // namespace

Result<RunList> parse_runs(std::string_view text, const std::string& source,
                           const RunOptions& options) {
  Builder builder(options);
  const std::string_view start = trim(text.substr(0, 64));
  auto status = start.starts_with('[')   ? add_json(text, builder)
                : start.starts_with('{') ? add_jsonl(text, builder)
                                         : add_csv(text, builder);
  if (!status) {
    status.error().what = "cannot read runs from " + source + ": " + status.error().what;
    return std::unexpected(std::move(status.error()));
  }
  return builder.finish(source);
}

Result<RunList> read_runs(const std::filesystem::path& path, const RunOptions& options) {
  WATTLE_TRY(const std::string text, read_file(path, kLargestFile));
  return parse_runs(text, path.string(), options);
}

}  // namespace wattle::sense
