#pragma once
// A progress bar with ETA on standard error. On a terminal one line is redrawn at most ten times a
// second; elsewhere (logs, CI) a plain line is printed at most every ten seconds.

#include <cstdint>
#include <cstdio>
#include <string>

#include "base/clock.hpp"

namespace wattle {

class Progress {
 public:
  enum class Style { automatic, terminal, plain, silent };
  // `total` in whatever unit is counted; 0 if unknown (no bar, no ETA).
  Progress(std::string label, double total, const Clock& clock, Style style = Style::automatic,
           std::FILE* out = stderr);
  ~Progress();
  Progress(const Progress&) = delete;
  Progress& operator=(const Progress&) = delete;

  void update(double done, const std::string& note = {});
  void finish();

  // The line without control characters: "label  42 % [####    ] ETA 0:31  note".
  [[nodiscard]] std::string line(double done, const std::string& note, std::int64_t now_ns) const;

 private:
  std::string label_;
  double total_;
  const Clock& clock_;
  Style style_;
  std::FILE* out_;
  std::int64_t start_ns_;
  std::int64_t last_ns_ = 0;
  bool printed_ = false;
  bool finished_ = false;
};

// "0:31", "12:05", "1:02:03"
[[nodiscard]] std::string format_duration(double seconds);

}  // namespace wattle
