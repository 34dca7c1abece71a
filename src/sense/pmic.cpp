#include "sense/pmic.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <map>
#include <memory>
#include <optional>
#include <utility>

#include "base/board.hpp"
#include "base/subprocess.hpp"

namespace wattle::sense {
namespace {

// A program is started for every reading: a few milliseconds of processor time each, so that ten a
// second would cost several per cent of a core.
constexpr double kDefaultRateHz = 1.0;
constexpr const char* kSource = "vcgencmd pmic_read_adc";
constexpr const char* kRemedy =
    "Update the firmware (sudo apt install --upgrade raspi-utils), and be in the group video.";
constexpr double kPeriodS = 0.1;
constexpr std::int64_t kSameSampleNs = 80'000'000;
constexpr double kMaxVolt = 30.0;
constexpr double kMaxAmpere = 30.0;
constexpr double kResolutionW = 1e-3;  // the converter's step differs from rail to rail

// "current(7)=6.22421000A" → 6.22421.
std::optional<double> value_of(std::string_view text, char unit) {
  const auto equals = text.find('=');
  if (equals == std::string_view::npos) return std::nullopt;
  text.remove_prefix(equals + 1);
  double value = 0.0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  const auto used = static_cast<std::size_t>(end - text.data());
  if (error != std::errc{} || text.substr(used) != std::string_view(&unit, 1)) return std::nullopt;
  const double most = unit == 'V' ? kMaxVolt : kMaxAmpere;
  if (!(value >= 0.0 && value <= most)) return std::nullopt;
  return value;
}

struct Sample {
  int number = 0;  // of the run
  std::int64_t t_ns = 0;
  double sum_w = 0.0;
};

// One run of the program for both sensors; a reading at a phase's boundary is never an old one.
class PmicFeed {
 public:
  PmicFeed(FsRoot root, const Clock& clock) : root_(std::move(root)), clock_(clock) {}

  // `seen`: the number of the sample the caller had last.
  Result<Sample> sample(int seen) {
    const std::int64_t before_ns = clock_.monotonic_ns();
    const bool is_recent = last_ && before_ns - last_->t_ns < kSameSampleNs;
    if (is_recent && last_->number != seen) return *last_;
    last_.reset();
    constexpr double kPatienceS = 5.0;
    WATTLE_TRY(const CommandOutput output,
               run_command(root_, {"vcgencmd", "pmic_read_adc"}, {.timeout_s = kPatienceS}));
    const std::int64_t t_ns = before_ns + (clock_.monotonic_ns() - before_ns) / 2;
    if (output.exit_code != 0 || output.out.find("error=") != std::string::npos) {
      const std::string& said = output.err.empty() ? output.out : output.err;
      return fail(ErrorCode::unavailable,
                  fmt::format("{} failed: {}", kSource, trim(said).substr(0, 200)), kRemedy);
    }
    WATTLE_TRY(const auto rails, parse_pmic(output.out));
    last_ = Sample{++n_runs_, t_ns, pmic_sum_w(rails)};
    return *last_;
  }

 private:
  FsRoot root_;
  const Clock& clock_;
  std::optional<Sample> last_;
  int n_runs_ = 0;
};

class PmicSensor final : public PowerSensor {
 public:
  PmicSensor(SensorInfo info, std::shared_ptr<PmicFeed> feed)
      : info_(std::move(info)), feed_(std::move(feed)) {}
  [[nodiscard]] const SensorInfo& info() const override { return info_; }
  Result<Reading> read() override {
    WATTLE_TRY(const Sample sample, feed_->sample(seen_));
    seen_ = sample.number;
    const double power_w = info_.kind == Kind::model ? pmic_wall_w(sample.sum_w) : sample.sum_w;
    return Reading{sample.t_ns, std::nullopt, power_w, std::nullopt};
  }

 private:
  SensorInfo info_;
  std::shared_ptr<PmicFeed> feed_;
  int seen_ = 0;
};

SensorInfo info_of(Kind kind) {
  SensorInfo info;
  info.id = kind == Kind::model ? "pmic:wall" : "pmic:sum";
  info.source = kSource;
  info.scope = kind == Kind::model ? "wall, modelled 1.1451·ΣVI + 0.5879 W"
                                   : "all rails of the power chip, without the 5 V side";
  info.kind = kind;
  info.rail = kind == Kind::model ? Rail::modelled : Rail::soc;
  info.group = "pmic";
  info.update_period_s = kPeriodS;
  info.default_rate_hz = kDefaultRateHz;
  info.starts_program = true;
  info.resolution_w = kResolutionW;
  return info;
}

}  // namespace

Result<std::vector<PmicRail>> parse_pmic(std::string_view text) {
  struct Half {
    std::optional<double> volt;
    std::optional<double> ampere;
  };
  std::map<std::string, Half, std::less<>> halves;
  while (!text.empty()) {
    const auto end = std::min(text.find('\n'), text.size());
    const std::string_view line = trim(text.substr(0, end));
    text.remove_prefix(std::min(end + 1, text.size()));
    if (line.empty()) continue;
    const auto space = std::min(line.find(' '), line.size());
    const std::string_view name = line.substr(0, space);
    const bool is_volt = name.ends_with("_V");
    if (name.size() < 3 || (!is_volt && !name.ends_with("_A"))) continue;
    const auto value = value_of(trim(line.substr(space)), is_volt ? 'V' : 'A');
    if (!value) {
      return fail(ErrorCode::invalid_format,
                  fmt::format("{} prints '{}', which is no {}", kSource, line.substr(0, 80),
                              is_volt ? "voltage" : "current"),
                  kRemedy);
    }
    Half& half = halves[std::string(name.substr(0, name.size() - 2))];
    (is_volt ? half.volt : half.ampere) = value;
  }
  std::vector<PmicRail> rails;
  for (const auto& [name, half] : halves) {
    if (half.ampere && !half.volt) {
      return fail(ErrorCode::invalid_format,
                  fmt::format("{} prints a current of {} without its voltage", kSource, name),
                  kRemedy);
    }
    if (half.ampere) rails.push_back({name, *half.volt, *half.ampere});
  }
  if (rails.empty()) {
    return fail(ErrorCode::invalid_format, std::string(kSource) + " prints no rail", kRemedy);
  }
  return rails;
}

double pmic_sum_w(const std::vector<PmicRail>& rails) {
  double sum_w = 0.0;
  for (const PmicRail& rail : rails) sum_w += rail.volt * rail.ampere;
  return sum_w;
}

double pmic_wall_w(double sum_w) {
  constexpr double kSlope = 1.1451;
  constexpr double kOffsetW = 0.5879;
  return kSlope * sum_w + kOffsetW;
}

void discover_pmic(const FsRoot& root, const Clock& clock, Inventory& inventory) {
  const Board board = board_of(root);
  if (board == Board::raspberry_pi_4) {
    inventory.unavailable.push_back({"pmic", kSource,
                                     "the Raspberry Pi 4 measures no power: only the Raspberry Pi "
                                     "5's power chip does",
                                     "Measure with an external meter (--meter-csv)."});
  }
  if (board != Board::raspberry_pi_5) return;
  auto feed = std::make_shared<PmicFeed>(root, clock);
  if (const auto sample = feed->sample(0); !sample) {
    inventory.unavailable.push_back(
        {"pmic", kSource, sample.error().what,
         sample.error().remedy.empty() ? kRemedy : sample.error().remedy});
    return;
  }
  for (const Kind kind : {Kind::sampled, Kind::model}) {
    inventory.sensors.push_back(std::make_unique<PmicSensor>(info_of(kind), feed));
  }
}

}  // namespace wattle::sense
