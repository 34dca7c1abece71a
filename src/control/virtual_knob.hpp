#pragma once
// Files of a virtual device that other processes write: they take what the kernel's driver would
// take. A driver refuses at once; a file cannot, so what would be refused is put back a few polls
// later, and until then the last good value counts.

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "control/virtual_tree.hpp"

namespace wattle::control {

// What the file would read after `text` was written; empty: the write would fail with EINVAL.
using Accept = std::function<std::optional<std::string>(std::string_view text)>;

// A whole number. Outside [low, high] it becomes the nearer end, as devfreq and cpufreq do with
// limits; with `clamp` false it is refused, as pwm-fan does.
[[nodiscard]] std::optional<std::string> accept_number(std::string_view text, std::uint64_t low,
                                                       std::uint64_t high, bool clamp);
[[nodiscard]] std::optional<std::string> accept_word(std::string_view text,
                                                     const std::vector<std::string>& words);

class Knob {
 public:
  Knob(std::string path, std::string value, Accept accept)
      : path_(std::move(path)), value_(std::move(value)), accept_(std::move(accept)) {}
  // Reads what was written since. A file that is empty, gone or unreadable (a writer has just
  // opened it) changes nothing. Errors are those of putting a refused value right.
  [[nodiscard]] Status poll(VirtualTree& tree);
  [[nodiscard]] Status set(VirtualTree& tree, std::string value);
  [[nodiscard]] const std::string& value() const { return value_; }
  [[nodiscard]] double number() const;

 private:
  [[nodiscard]] std::string look(const VirtualTree& tree) const;
  std::string path_;
  std::string value_;
  Accept accept_;
  int n_wrong_ = 0;  // polls in a row that found something to put right
};

// A lower and an upper limit. While a writer is between its two writes, or has crossed them, the
// last pair with min ≤ max counts; a crossed pair that stays is put back.
class LimitKnobs {
 public:
  LimitKnobs(const std::string& min_path, const std::string& max_path, std::uint64_t low,
             std::uint64_t high);
  [[nodiscard]] Status create(VirtualTree& tree);
  [[nodiscard]] Status poll(VirtualTree& tree);
  [[nodiscard]] double low() const { return low_; }
  [[nodiscard]] double high() const { return high_; }

 private:
  Knob min_;
  Knob max_;
  double low_;
  double high_;
  int n_crossed_ = 0;
};

}  // namespace wattle::control
