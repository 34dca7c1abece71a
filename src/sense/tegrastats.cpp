#include "sense/tegrastats.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <memory>
#include <utility>

#include "base/board.hpp"
#include "base/subprocess.hpp"
#include "sense/followed_file.hpp"
#include "sense/ina.hpp"
#include "sense/jetson_rails.hpp"

namespace wattle::sense {
namespace {

constexpr const char* kProgram = "tegrastats";
constexpr const char* kRemedy = "Start it: tegrastats --interval 100 --logfile FILE";
constexpr double kStartedPeriodS = 0.1;
constexpr double kUsualPeriodS = 1.0;  // of tegrastats without --interval
constexpr double kFirstLineS = 5.0;    // patience with a program just started
constexpr double kLeastStaleS = 3.0;
constexpr double kStalePeriods = 5.0;

struct Sample {
  std::int64_t t_ns = 0;  // when the line was seen
  Tegrastats stats;
};

// Where lines come from; both give all that came since the last call.
class LineSource {
 public:
  virtual ~LineSource() = default;
  virtual Result<std::vector<std::string>> lines() = 0;
  virtual double idle_s(std::int64_t last_line_ns, std::int64_t now_ns) const {
    return static_cast<double>(now_ns - last_line_ns) * 1e-9;
  }
};

class LogSource final : public LineSource {
 public:
  LogSource(const std::filesystem::path& path, const Clock& clock) : file_(path, clock) {}
  Result<std::vector<std::string>> lines() override {
    WATTLE_TRY(auto polled, file_.poll());
    return std::move(polled.lines);
  }
  double idle_s(std::int64_t, std::int64_t) const override { return file_.idle_s(); }

 private:
  FollowedFile file_;
};

class ProcessSource final : public LineSource {
 public:
  explicit ProcessSource(LineProcess process) : process_(std::move(process)) {}
  Result<std::vector<std::string>> lines() override {
    constexpr std::size_t kMostAtOnce = 10'000;
    std::vector<std::string> lines;
    double patience_s = std::exchange(started_, true) ? 0.0 : kFirstLineS;
    while (lines.size() < kMostAtOnce) {
      auto line = process_.next_line(patience_s);
      if (!line) {
        if (!lines.empty()) break;
        return std::unexpected(std::move(line).error());
      }
      if (!*line) break;
      lines.push_back(std::move(**line));
      patience_s = 0.0;
    }
    return lines;
  }

 private:
  LineProcess process_;
  bool started_ = false;
};

// "07-25-2026 09:08:28" → 32908.
std::optional<int> second_of_day(const std::string& stamp) {
  constexpr std::size_t kLength = 19;
  if (stamp.size() != kLength) return std::nullopt;
  const auto two = [&](std::size_t at) { return (stamp[at] - '0') * 10 + (stamp[at + 1] - '0'); };
  return (two(11) * 60 + two(14)) * 60 + two(17);
}

class Feed {
 public:
  Feed(std::unique_ptr<LineSource> source, const Clock& clock, std::string name)
      : source_(std::move(source)), clock_(clock), name_(std::move(name)) {}

  // The newest line, understood. Called by each rail's sensor: what came since is taken once.
  Result<Sample> latest() {
    auto lines = source_->lines();
    if (!lines) {
      problem_ = std::move(lines).error();
      if (problem_->remedy.empty()) problem_->remedy = kRemedy;
      return std::unexpected(*problem_);
    }
    const std::int64_t now_ns = clock_.monotonic_ns();
    const auto age_ns = static_cast<std::int64_t>(source_->idle_s(now_ns, now_ns) * 1e9);
    for (const std::string& line : *lines) take(line, now_ns - age_ns);
    if (problem_) return std::unexpected(*problem_);
    const double idle_s = sample_ ? source_->idle_s(sample_->t_ns, now_ns) : 0.0;
    if (sample_ && idle_s <= std::max(kLeastStaleS, kStalePeriods * period_s_)) return *sample_;
    return fail(ErrorCode::unavailable,
                sample_ ? fmt::format("nothing has come from {} for {:.0f} s", name_, idle_s)
                        : fmt::format("{} holds no line of tegrastats yet", name_),
                kRemedy);
  }

  void set_period(double period_s) { period_s_ = period_s; }
  // The mean time between the lines seen so far, by their own stamps (whole seconds).
  [[nodiscard]] double estimated_period_s() const {
    constexpr double kShortestS = 0.01;
    constexpr double kLongestS = 60.0;
    constexpr int kDayS = 86'400;
    const int span_s = (last_stamp_s_ - first_stamp_s_ + kDayS) % kDayS;
    if (n_stamped_ < 2 || span_s == 0) return kUsualPeriodS;
    return std::clamp(span_s / static_cast<double>(n_stamped_ - 1), kShortestS, kLongestS);
  }

 private:
  void take(const std::string& line, std::int64_t t_ns) {
    if (trim(line).empty()) return;
    auto stats = parse_tegrastats(line);
    if (!stats) {
      problem_ = std::move(stats).error();
      return;
    }
    problem_.reset();
    if (const auto stamp_s = second_of_day(stats->timestamp)) {
      if (n_stamped_++ == 0) first_stamp_s_ = *stamp_s;
      last_stamp_s_ = *stamp_s;
    }
    sample_ = Sample{t_ns, std::move(*stats)};
  }

  std::unique_ptr<LineSource> source_;
  const Clock& clock_;
  std::string name_;
  double period_s_ = kUsualPeriodS;
  std::optional<Sample> sample_;
  std::optional<Error> problem_;
  int first_stamp_s_ = 0;
  int last_stamp_s_ = 0;
  std::size_t n_stamped_ = 0;
};

class TegrastatsSensor final : public PowerSensor {
 public:
  TegrastatsSensor(SensorInfo info, std::string label, std::shared_ptr<Feed> feed)
      : info_(std::move(info)), label_(std::move(label)), feed_(std::move(feed)) {}
  [[nodiscard]] const SensorInfo& info() const override { return info_; }
  Result<Reading> read() override {
    WATTLE_TRY(const Sample sample, feed_->latest());
    for (const auto& rail : sample.stats.rails) {
      if (rail.label == label_) {
        return Reading{sample.t_ns, std::nullopt, rail.power_w, std::nullopt};
      }
    }
    return fail(ErrorCode::unavailable,
                fmt::format("the newest line of {} has no power of {}", info_.source, label_),
                kRemedy);
  }

 private:
  SensorInfo info_;
  std::string label_;
  std::shared_ptr<Feed> feed_;
};

void add_rails(const std::shared_ptr<Feed>& feed, const Tegrastats& stats,
               const std::string& source, double period_s, Inventory& inventory) {
  std::vector<std::string> labels;
  for (const auto& rail : stats.rails) {
    if (std::find(labels.begin(), labels.end(), rail.label) == labels.end()) {
      labels.push_back(rail.label);
    }
  }
  const std::string prefix = "tegrastats:";
  const BoardRails board = plan_rails(labels);
  for (const RailPlan& plan : board.rails) {
    SensorInfo info;
    info.id = prefix + plan.label;
    apply_plan(plan, prefix, info);
    info.source = source;
    info.kind = Kind::sampled;
    info.group = kProgram;
    info.update_period_s = period_s;
    info.default_rate_hz = 1.0 / period_s;
    info.resolution_w = 1e-3;
    inventory.sensors.push_back(std::make_unique<TegrastatsSensor>(info, plan.label, feed));
  }
  for (const std::string& label : board.missing) {
    inventory.unavailable.push_back(
        {prefix + label, source, "tegrastats does not print it on this board", {}, true});
  }
}

void discover_feed(const std::shared_ptr<Feed>& feed, const std::string& source,
                   std::optional<double> period_s, Inventory& inventory) {
  // Whether it is stale depends on its own pace, which its lines tell.
  (void)feed->latest();
  const double pace_s = period_s.value_or(feed->estimated_period_s());
  feed->set_period(pace_s);
  const auto sample = feed->latest();
  if (!sample) {
    inventory.unavailable.push_back({kProgram, source, sample.error().what, sample.error().remedy});
  } else if (sample->stats.rails.empty()) {
    inventory.unavailable.push_back(
        {kProgram, source, "tegrastats prints no power rails on this board", {}});
  } else {
    add_rails(feed, sample->stats, source, pace_s, inventory);
  }
}

bool ina_is_complete(const Inventory& inventory) {
  const auto of_total = [](const auto& sensor) {
    return sensor->info().group == kInaGroup && sensor->info().board_total;
  };
  const auto lacks = [](const Unavailable& u) { return u.board_total; };
  return std::any_of(inventory.sensors.begin(), inventory.sensors.end(), of_total) &&
         std::none_of(inventory.unavailable.begin(), inventory.unavailable.end(), lacks);
}

}  // namespace

void discover_tegrastats(const FsRoot& root, const Clock& clock, const DiscoverOptions& options,
                         Inventory& inventory) {
  if (!options.tegrastats_log.empty()) {
    const std::string source = options.tegrastats_log.string();
    auto log = std::make_unique<LogSource>(options.tegrastats_log, clock);
    discover_feed(std::make_shared<Feed>(std::move(log), clock, source), source, std::nullopt,
                  inventory);
    return;
  }
  const auto program = find_program(root, kProgram);
  const auto refuse = [&](std::string reason, std::string remedy) {
    inventory.unavailable.push_back(
        {kProgram, program ? program->string() : kProgram, std::move(reason), std::move(remedy)});
  };
  if (ina_is_complete(inventory)) {
    if (program) refuse("repeats the rails of the power monitor, which are read directly", {});
    return;
  }
  if (!program) {
    if (is_jetson(board_of(root))) {
      refuse(program.error().what, "Install NVIDIA's tools (package nvidia-l4t-tools).");
    }
    return;
  }
  auto process = LineProcess::start(
      root, {kProgram, "--interval", fmt::format("{:.0f}", kStartedPeriodS * 1e3)});
  if (!process) return refuse(process.error().what, process.error().remedy);
  auto lines = std::make_unique<ProcessSource>(std::move(*process));
  discover_feed(std::make_shared<Feed>(std::move(lines), clock, kProgram), program->string(),
                kStartedPeriodS, inventory);
}

}  // namespace wattle::sense
