#pragma once
// What every source of gauges is built from, and the sources (one file each).

#include <functional>
#include <map>
#include <optional>
#include <string>
#include <string_view>

#include "base/clock.hpp"
#include "base/fs_root.hpp"
#include "sense/gauge.hpp"

namespace wattle::sense {

// The value at t_ns, in the unit of the quantity. Empty: this reading only begins an interval (of
// utilisation), there is nothing to compare it with yet.
using GaugeValue = Result<std::optional<double>>;
using GaugeRead = std::function<GaugeValue(std::int64_t t_ns)>;

class GaugeCollector {
 public:
  // Both must outlive the collector; `clock` the gauges too.
  GaugeCollector(const FsRoot& root, const Clock& clock) : root_(root), clock_(clock) {}

  [[nodiscard]] const FsRoot& root() const { return root_; }
  // Reads once: what works is a gauge, the rest unavailable. A second one of the same id is made
  // "<id>/2". True if it works.
  bool offer(GaugeInfo info, GaugeRead read);
  void refuse(const std::string& id, const std::string& source, const Error& error);
  [[nodiscard]] GaugeInventory take() { return std::move(inventory_); }

 private:
  [[nodiscard]] std::string unique(const std::string& id);
  const FsRoot& root_;
  const Clock& clock_;
  GaugeInventory inventory_;
  std::map<std::string, int> seen_;
};

// A file with one whole number between least and most, times `unit`.
[[nodiscard]] GaugeRead file_gauge(const FsRoot& root, const std::string& file, double unit,
                                   std::int64_t least, std::int64_t most);

// "<prefix><digits><suffix>" → the number; -1 for any other name.
[[nodiscard]] int number_in(std::string_view name, std::string_view prefix,
                            std::string_view suffix = {});
// "" where it cannot be read.
[[nodiscard]] std::string text_or_empty(const FsRoot& root, const std::string& path);

void discover_temperatures(GaugeCollector& out);
void discover_throttling(GaugeCollector& out);
void discover_frequencies(GaugeCollector& out);
void discover_utilisation(GaugeCollector& out, const GaugeOptions& options);
void discover_memory(GaugeCollector& out, const GaugeOptions& options);
void discover_fans(GaugeCollector& out);
void discover_charge(GaugeCollector& out);
void discover_nvml_gauges(GaugeCollector& out, const GaugeOptions& options);

}  // namespace wattle::sense
