#include "sense/total.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <set>

namespace wattle::sense {
namespace {

bool is_rapl(const SensorInfo& info) {
  return info.id.starts_with("rapl:");
}

using Members = std::vector<std::size_t>;

template <class Wanted>
Members all_that(std::span<const SensorInfo> sensors, const Wanted& wanted) {
  Members found;
  for (std::size_t i = 0; i < sensors.size(); ++i) {
    if (wanted(sensors[i])) found.push_back(i);
  }
  return found;
}

// One sensor a socket: two of the same socket would count it twice.
Members one_a_socket(std::span<const SensorInfo> sensors, Members members) {
  std::set<int> seen;
  std::erase_if(members, [&](std::size_t i) {
    return sensors[i].socket < 0 ? !seen.insert(-1).second : !seen.insert(sensors[i].socket).second;
  });
  return members;
}

Members rapl_total(std::span<const SensorInfo> sensors) {
  Members packages =
      all_that(sensors, [](const SensorInfo& s) { return is_rapl(s) && s.rail == Rail::package; });
  if (packages.empty()) return {};
  const Members dram =
      all_that(sensors, [](const SensorInfo& s) { return is_rapl(s) && s.rail == Rail::dram; });
  packages.insert(packages.end(), dram.begin(), dram.end());
  return packages;
}

Members hwmon_packages(std::span<const SensorInfo> sensors, Kind kind) {
  return one_a_socket(sensors, all_that(sensors, [kind](const SensorInfo& s) {
                        return !is_rapl(s) && s.kind == kind && s.rail == Rail::package;
                      }));
}

Members first_of(std::span<const SensorInfo> sensors, Kind kind,
                 std::initializer_list<Rail> rails) {
  for (const Rail rail : rails) {
    Members found =
        all_that(sensors, [&](const SensorInfo& s) { return s.kind == kind && s.rail == rail; });
    if (found.empty()) continue;
    found.resize(1);
    return found;
  }
  return {};
}

Members choose_members(std::span<const SensorInfo> sensors) {
  if (Members m = rapl_total(sensors); !m.empty()) return m;
  if (Members m = hwmon_packages(sensors, Kind::counter); !m.empty()) return m;
  if (Members m = first_of(sensors, Kind::counter, {Rail::psys, Rail::system}); !m.empty())
    return m;
  if (Members m = first_of(sensors, Kind::sampled, {Rail::system}); !m.empty()) return m;
  if (Members m = hwmon_packages(sensors, Kind::sampled); !m.empty()) return m;
  return first_of(sensors, Kind::model, {Rail::modelled});
}

// A package or dram zone that could not be read belongs into a total of its kind.
std::string missing_from(const TotalSet& total, std::span<const Unavailable> unavailable) {
  if (!total.id.starts_with("rapl:package")) return {};
  std::string ids;
  for (const Unavailable& u : unavailable) {
    const bool duplicate = u.id.find(' ') != std::string::npos;
    const bool package = u.id.starts_with("rapl:package-") && u.id.find('/') == std::string::npos;
    if (!duplicate && (package || u.id.ends_with("/dram"))) ids += (ids.empty() ? "" : ", ") + u.id;
  }
  return ids.empty() ? ids : "not in the total, because it cannot be read: " + ids;
}

// Several meters of the whole system: whether they share a load is unknown, so one is taken.
std::string left_out(std::span<const SensorInfo> sensors, const TotalSet& total) {
  const SensorInfo& first = sensors[total.members.front()];
  if (first.rail != Rail::system) return {};
  std::string ids;
  for (std::size_t i = 0; i < sensors.size(); ++i) {
    if (sensors[i].rail == Rail::system && sensors[i].kind == first.kind && i != total.members[0]) {
      ids += (ids.empty() ? "" : ", ") + sensors[i].id;
    }
  }
  return ids.empty() ? ids : "not added, because it may measure the same supply: " + ids;
}

}  // namespace

TotalSet choose_total(std::span<const SensorInfo> sensors,
                      std::span<const Unavailable> unavailable) {
  TotalSet total;
  total.members = choose_members(sensors);
  if (total.members.empty()) return total;
  total.kind = sensors[total.members.front()].kind;
  for (const std::size_t i : total.members) {
    total.id += (total.id.empty() ? "" : "+") + sensors[i].id;
    total.scope += (total.scope.empty() ? "" : " + ") + sensors[i].scope;
  }
  total.note = missing_from(total, unavailable);
  if (total.note.empty()) total.note = left_out(sensors, total);
  return total;
}

}  // namespace wattle::sense
