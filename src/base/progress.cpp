#include "base/progress.hpp"

#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <cmath>
#include <utility>

namespace wattle {
namespace {
constexpr std::int64_t kRedrawNs = 100'000'000;
constexpr std::int64_t kPlainNs = 10'000'000'000;
constexpr int kBarWidth = 24;
}  // namespace

std::string format_duration(double seconds) {
  const auto total = std::lround(std::max(0.0, seconds));
  if (total >= 3600) {
    return fmt::format("{}:{:02}:{:02}", total / 3600, total / 60 % 60, total % 60);
  }
  return fmt::format("{}:{:02}", total / 60, total % 60);
}

Progress::Progress(std::string label, double total, const Clock& clock, Style style, std::FILE* out)
    : label_(std::move(label)),
      total_(total),
      clock_(clock),
      style_(style),
      out_(out),
      start_ns_(clock.monotonic_ns()) {
  if (style_ == Style::automatic) {
    style_ = isatty(fileno(out)) != 0 ? Style::terminal : Style::plain;
  }
  last_ns_ = start_ns_;
}

Progress::~Progress() {
  finish();
}

std::string Progress::line(double done, const std::string& note, std::int64_t now_ns) const {
  const double elapsed_s = static_cast<double>(now_ns - start_ns_) / 1e9;
  if (total_ <= 0)
    return fmt::format("{}  {:.0f}  {}  {}", label_, done, format_duration(elapsed_s), note);
  const double share = std::clamp(done / total_, 0.0, 1.0);
  const int filled = static_cast<int>(share * kBarWidth);
  const std::string eta =
      share > 0.0 ? format_duration(elapsed_s * (1.0 - share) / share) : std::string("-:--");
  return fmt::format("{} {:3.0f} % [{}{}] ETA {}{}{}", label_, share * 100.0,
                     std::string(static_cast<std::size_t>(filled), '#'),
                     std::string(static_cast<std::size_t>(kBarWidth - filled), ' '), eta,
                     note.empty() ? "" : "  ", note);
}

void Progress::update(double done, const std::string& note) {
  if (style_ == Style::silent || finished_) return;
  const std::int64_t now = clock_.monotonic_ns();
  const std::int64_t period = style_ == Style::terminal ? kRedrawNs : kPlainNs;
  const bool first_on_terminal = style_ == Style::terminal && !printed_;
  if (!first_on_terminal && now - last_ns_ < period) return;
  last_ns_ = now;
  printed_ = true;
  const std::string text = line(done, note, now);
  if (style_ == Style::terminal) {
    fmt::print(out_, "\r{}\x1b[K", text);
  } else {
    fmt::print(out_, "{}\n", text);
  }
  std::fflush(out_);
}

void Progress::finish() {
  if (finished_) return;
  finished_ = true;
  if (style_ == Style::terminal && printed_) {
    fmt::print(out_, "\r\x1b[K");
    std::fflush(out_);
  }
}

}  // namespace wattle
