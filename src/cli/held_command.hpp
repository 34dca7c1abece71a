#pragma once
// Signals and a child process while knobs are held: nothing may end this process before it has put
// them back.

#include <array>
#include <csignal>
#include <optional>
#include <string>
#include <vector>

#include "base/result.hpp"

namespace wattle::cli {

// From here on SIGINT, SIGTERM and SIGHUP end nothing; the functions below take them, and what
// comes while knobs are restored is heeded by that. One at a time in a process; the handlers that
// were there come back when it goes.
class HeldSignals {
 public:
  [[nodiscard]] static Result<HeldSignals> take();
  HeldSignals(HeldSignals&& other) noexcept;
  HeldSignals& operator=(HeldSignals&&) = delete;
  ~HeldSignals();

  // Until one of them comes, or so many seconds are over. The signal, or 0.
  [[nodiscard]] int wait(std::optional<double> seconds) const;

  // Runs argv (found by $PATH) to its end, with our standard streams. Its exit code, or 128 + the
  // signal that ended it. A signal sent to us is passed on; Ctrl-C at a terminal reaches it by
  // itself.
  [[nodiscard]] Result<int> run(const std::vector<std::string>& argv) const;

 private:
  explicit HeldSignals(int read_end) : read_end_(read_end) {}
  int read_end_;
  std::array<struct sigaction, 4> before_{};
};

}  // namespace wattle::cli
