#include "sense/gauge_source.hpp"

#include <fmt/format.h>

#include <charconv>
#include <utility>

namespace wattle::sense {
namespace {

class FunctionGauge final : public Gauge {
 public:
  FunctionGauge(GaugeInfo info, GaugeRead read, const Clock& clock)
      : info_(std::move(info)), read_(std::move(read)), clock_(clock) {}

  [[nodiscard]] const GaugeInfo& info() const override { return info_; }

  Result<GaugeReading> read() override {
    const std::int64_t before_ns = clock_.monotonic_ns();
    WATTLE_TRY(const std::optional<double> value, read_(before_ns));
    if (!value) {
      return fail(ErrorCode::unavailable,
                  info_.id + ": no tick has been counted since the first reading",
                  "Read it again later.");
    }
    return GaugeReading{before_ns + (clock_.monotonic_ns() - before_ns) / 2, *value};
  }

 private:
  GaugeInfo info_;
  GaugeRead read_;
  const Clock& clock_;
};

}  // namespace

std::string GaugeCollector::unique(const std::string& id) {
  const int n = ++seen_[id];
  return n == 1 ? id : fmt::format("{}/{}", id, n);
}

bool GaugeCollector::offer(GaugeInfo info, GaugeRead read) {
  info.id = unique(info.id);
  if (const auto first = read(clock_.monotonic_ns()); !first) {
    inventory_.unavailable.push_back(
        {info.id, info.source, first.error().what, first.error().remedy});
    return false;
  }
  inventory_.gauges.push_back(
      std::make_unique<FunctionGauge>(std::move(info), std::move(read), clock_));
  return true;
}

void GaugeCollector::refuse(const std::string& id, const std::string& source, const Error& error) {
  inventory_.unavailable.push_back({unique(id), source, error.what, error.remedy});
}

GaugeRead file_gauge(const FsRoot& root, const std::string& file, double unit, std::int64_t least,
                     std::int64_t most) {
  return [root, file, unit, least, most](std::int64_t) -> GaugeValue {
    const auto read = root.read_int(file);
    if (!read && read.error().code == ErrorCode::permission_denied) {
      return fail(read.error().code, read.error().what, "Run with sudo (docs/permissions.md).");
    }
    if (!read) return std::unexpected(read.error());
    const std::int64_t value = *read;
    if (value < least || value > most) {
      return fail(ErrorCode::out_of_range,
                  fmt::format("{} reads {}, expected {} to {}", root.resolve(file).string(), value,
                              least, most),
                  "Check the driver.");
    }
    return static_cast<double>(value) * unit;
  };
}

int number_in(std::string_view name, std::string_view prefix, std::string_view suffix) {
  if (!name.starts_with(prefix) || !name.ends_with(suffix) ||
      name.size() <= prefix.size() + suffix.size()) {
    return -1;
  }
  name.remove_prefix(prefix.size());
  name.remove_suffix(suffix.size());
  int number = -1;
  const auto [end, error] = std::from_chars(name.data(), name.data() + name.size(), number);
  const bool whole = error == std::errc{} && end == name.data() + name.size() && name[0] != '-';
  return whole ? number : -1;
}

std::string text_or_empty(const FsRoot& root, const std::string& path) {
  const auto text = root.read_text(path);
  return text ? std::string(trim(std::string_view(*text).substr(0, text->find('\0'))))
              : std::string();
}

}  // namespace wattle::sense
