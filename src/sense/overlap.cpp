#include "sense/overlap.hpp"

#include <fmt/format.h>

#include <algorithm>

namespace wattle::sense {
namespace {

bool is_whole(const SensorInfo& s) {
  return s.group == "meter" || s.rail == Rail::system || s.rail == Rail::psys ||
         s.rail == Rail::battery;
}

bool is_processor(const SensorInfo& s) {
  return s.rail == Rail::package || s.rail == Rail::core || s.rail == Rail::uncore ||
         s.rail == Rail::dram;
}

bool is_inside(const SensorInfo& inner, const SensorInfo& outer) {
  return std::find(inner.inside.begin(), inner.inside.end(), outer.id) != inner.inside.end();
}

bool other_socket(const SensorInfo& a, const SensorInfo& b) {
  return a.socket >= 0 && b.socket >= 0 && a.socket != b.socket;
}

// Of one source: a package has the cores, the uncore part and a graphics unit within it.
bool package_contains(const SensorInfo& package, const SensorInfo& part) {
  return package.rail == Rail::package && !other_socket(package, part) &&
         (part.rail == Rail::core || part.rail == Rail::uncore || part.rail == Rail::gpu);
}

std::string contains(const SensorInfo& outer, const SensorInfo& inner) {
  return fmt::format("{} contains {}", outer.id, inner.id);
}

std::optional<std::string> overlap_in_group(const SensorInfo& a, const SensorInfo& b) {
  if (a.board_total && b.board_total) return std::nullopt;
  if (a.rail == Rail::battery && b.rail == Rail::battery) return std::nullopt;
  if (is_whole(a) && is_whole(b)) {
    return fmt::format("{} and {} may measure the same supply", a.id, b.id);
  }
  if (is_whole(a) || package_contains(a, b)) return contains(a, b);
  if (is_whole(b) || package_contains(b, a)) return contains(b, a);
  if (!nvml_card(a).empty() && nvml_card(a) == nvml_card(b)) {
    return fmt::format("{} and {} measure the same card", a.id, b.id);
  }
  return std::nullopt;
}

std::optional<std::string> overlap_across(const SensorInfo& a, const SensorInfo& b) {
  if (is_whole(a) && is_whole(b)) {
    return fmt::format("{} and {} both measure the whole machine", a.id, b.id);
  }
  if (is_whole(a)) return fmt::format("{} measures the whole machine, with {} in it", a.id, b.id);
  if (is_whole(b)) return fmt::format("{} measures the whole machine, with {} in it", b.id, a.id);
  const auto apart = [](const SensorInfo& processor, const SensorInfo& card) {
    const bool discrete = card.group == "nvml" || card.group == "nvidia-smi";  // cards on the bus
    return is_processor(processor) && discrete && card.rail == Rail::gpu;
  };
  if (apart(a, b) || apart(b, a)) return std::nullopt;
  if (is_processor(a) && is_processor(b) && other_socket(a, b)) return std::nullopt;
  return fmt::format("{} and {} come from different sources that may measure the same lines", a.id,
                     b.id);
}

}  // namespace

std::string nvml_card(const SensorInfo& info) {
  if (info.group != "nvml") return {};
  const auto colon = info.id.find(':');
  if (colon == std::string::npos) return info.id;
  return info.id.substr(0, info.id.find_first_not_of("0123456789", colon + 1));
}

std::optional<std::string> overlap(const SensorInfo& a, const SensorInfo& b) {
  if (a.id == b.id) return fmt::format("{} is named twice", a.id);
  const bool a_model = a.kind == Kind::model;
  const bool b_model = b.kind == Kind::model;
  if (a_model && b_model) return fmt::format("{} and {} both model this machine", a.id, b.id);
  if (a_model || b_model) {
    return fmt::format("{} is modelled and {} is measured, and the two are never added",
                       (a_model ? a : b).id, (a_model ? b : a).id);
  }
  if (is_inside(a, b)) return contains(b, a);
  if (is_inside(b, a)) return contains(a, b);
  for (const SensorInfo* s : {&a, &b}) {
    if (s->rail == Rail::other) return fmt::format("what {} measures is not known", s->id);
  }
  return !a.group.empty() && a.group == b.group ? overlap_in_group(a, b) : overlap_across(a, b);
}

}  // namespace wattle::sense
