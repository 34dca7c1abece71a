// Memory: of the process its resident set (VmRSS of /proc/PID/status), its proportional set (Pss of
// smaps_rollup: shared pages count by share) and its page faults; of the machine MemAvailable.
#include "sense/gauge_source.hpp"
#include "sense/process.hpp"

namespace wattle::sense {
namespace {

constexpr const char* kMeminfo = "/proc/meminfo";

GaugeRead line_of(const std::shared_ptr<Process>& process, const std::string& file,
                  const std::string& key) {
  return [process, file, key](std::int64_t) -> GaugeValue {
    WATTLE_TRY(const std::string text, process->text(file));
    WATTLE_TRY(const std::uint64_t bytes,
               parse_kib_line(text, key, process->folder() + "/" + file));
    return static_cast<double>(bytes);
  };
}

// Reading another's memory map needs the right to trace it.
GaugeRead pss_of(const std::shared_ptr<Process>& process) {
  return
      [read = line_of(process, "smaps_rollup", "Pss"), process](std::int64_t t_ns) -> GaugeValue {
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
  return [process, member](std::int64_t) -> GaugeValue {
    WATTLE_TRY(const ProcessStat stat, process->stat());
    return static_cast<double>(stat.*member);
  };
}

void discover_process(GaugeCollector& out, const std::shared_ptr<Process>& process) {
  const std::string& folder = process->folder();
  const std::string& scope = process->scope();
  const auto offer = [&](const char* id, const char* file, const char* what, Quantity quantity,
                         const GaugeRead& read) {
    out.offer({id, folder + file, what + scope, quantity, 1.0, {}}, read);
  };
  offer("mem:process-rss", "/status", "resident memory of ", Quantity::memory_bytes,
        line_of(process, "status", "VmRSS"));
  offer("mem:process-pss", "/smaps_rollup", "proportional memory of ", Quantity::memory_bytes,
        pss_of(process));
  offer("faults:minor", "/stat", "minor page faults of ", Quantity::page_faults,
        faults_of(process, &ProcessStat::minor_faults));
  offer("faults:major", "/stat", "major page faults of ", Quantity::page_faults,
        faults_of(process, &ProcessStat::major_faults));
}

}  // namespace

void discover_memory(GaugeCollector& out, const GaugeOptions& options) {
  const auto process = std::make_shared<Process>(out.root(), options.pid);
  if (const auto alive = process->stat(); alive) {
    discover_process(out, process);
  } else {
    out.refuse("mem:process", process->folder(), alive.error());
  }
  GaugeInfo available{"mem:available",        kMeminfo, "memory available to new programs",
                      Quantity::memory_bytes, 1.0,      {}};
  out.offer(std::move(available), [root = out.root()](std::int64_t) -> GaugeValue {
    WATTLE_TRY(const std::string text, root.read_text(kMeminfo));
    WATTLE_TRY(const std::uint64_t bytes, parse_kib_line(text, "MemAvailable", kMeminfo));
    return static_cast<double>(bytes);
  });
}

}  // namespace wattle::sense
