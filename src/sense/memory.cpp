// Memory: of the process its resident set (VmRSS of /proc/PID/status), its proportional set (Pss of
// smaps_rollup: shared pages count by share) and its page faults; of the machine MemAvailable.
#include "sense/gauge_source.hpp"
#include "sense/process.hpp"

namespace wattle::sense {
namespace {

constexpr const char* kMeminfo = "/proc/meminfo";

GaugeRead line_of(const std::shared_ptr<Process>& process, const std::string& file,
                  const std::string& key) {
  return [process, file, key](std::int64_t) -> Result<std::optional<double>> {
    WATTLE_TRY(const std::string text, process->text(file));
    WATTLE_TRY(const std::uint64_t bytes,
               parse_kib_line(text, key, process->folder() + "/" + file));
    return static_cast<double>(bytes);
  };
}

// Reading another's memory map needs the right to trace it.
GaugeRead pss_of(const std::shared_ptr<Process>& process) {
  return [read = line_of(process, "smaps_rollup", "Pss"),
          process](std::int64_t t_ns) -> Result<std::optional<double>> {
    auto value = read(t_ns);
    if (value) return value;
    Error error = value.error();
    if (error.code == ErrorCode::permission_denied) {
      error.remedy = "Run as the user of that process, or with sudo.";
    } else if (error.code == ErrorCode::not_found && process->stat()) {
      error.remedy = "It needs Linux 4.14; without it the resident set is what there is.";
    }
    return std::unexpected(error);
  };
}

GaugeRead faults_of(const std::shared_ptr<Process>& process, std::uint64_t ProcessStat::* member) {
  return [process, member](std::int64_t) -> Result<std::optional<double>> {
    WATTLE_TRY(const ProcessStat stat, process->stat());
    return static_cast<double>(stat.*member);
  };
}

}  // namespace

void discover_memory(GaugeCollector& out, const GaugeOptions& options) {
  const auto process = std::make_shared<Process>(out.root(), options.pid);
  const std::string& folder = process->folder();
  const std::string& scope = process->scope();
  out.offer({"mem:process-rss",
             folder + "/status",
             "resident memory of " + scope,
             Quantity::memory_bytes,
             1.0,
             {}},
            line_of(process, "status", "VmRSS"));
  out.offer({"mem:process-pss",
             folder + "/smaps_rollup",
             "proportional memory of " + scope,
             Quantity::memory_bytes,
             1.0,
             {}},
            pss_of(process));
  out.offer({"faults:minor",
             folder + "/stat",
             "minor page faults of " + scope,
             Quantity::page_faults,
             1.0,
             {}},
            faults_of(process, &ProcessStat::minor_faults));
  out.offer({"faults:major",
             folder + "/stat",
             "major page faults of " + scope,
             Quantity::page_faults,
             1.0,
             {}},
            faults_of(process, &ProcessStat::major_faults));
  out.offer({"mem:available",
             kMeminfo,
             "memory available to new programs",
             Quantity::memory_bytes,
             1.0,
             {}},
            [root = out.root()](std::int64_t) -> Result<std::optional<double>> {
              WATTLE_TRY(const std::string text, root.read_text(kMeminfo));
              WATTLE_TRY(const std::uint64_t bytes, parse_kib_line(text, "MemAvailable", kMeminfo));
              return static_cast<double>(bytes);
            });
}

}  // namespace wattle::sense
