#include "sense/total.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <set>
#include <utility>

#include "sense/overlap.hpp"

namespace wattle::sense {
namespace {

using Sensors = std::span<const SensorInfo>;
using Missing = std::span<const Unavailable>;
using Members = std::vector<std::size_t>;

constexpr const char* kTegrastats = "tegrastats";
constexpr const char* kModelId = "utilisation-model";

template <class Wanted>
Members all_that(Sensors sensors, const Wanted& wanted) {
  Members found;
  for (std::size_t i = 0; i < sensors.size(); ++i) {
    if (wanted(sensors[i])) found.push_back(i);
  }
  return found;
}

void append(Members& to, const Members& more) {
  for (const std::size_t i : more) to.push_back(i);
}

// One sensor a socket: two of the same socket would count it twice.
Members one_a_socket(Sensors sensors, Members members) {
  std::set<int> seen;
  std::erase_if(members, [&](std::size_t i) {
    return sensors[i].socket < 0 ? !seen.insert(-1).second : !seen.insert(sensors[i].socket).second;
  });
  return members;
}

Members gpu_counters(Sensors sensors) {
  Members members = all_that(sensors, [](const SensorInfo& s) {
    return s.group == "nvml" && s.kind == Kind::counter && s.rail == Rail::gpu;
  });
  std::set<std::string> seen;
  std::erase_if(members, [&](std::size_t i) { return !seen.insert(nvml_card(sensors[i])).second; });
  return members;
}

Members packages_of(Sensors sensors, std::string_view group) {
  const auto of = [&](Rail rail) {
    return all_that(sensors, [&](const SensorInfo& s) {
      return s.group == group && s.rail == rail && s.kind == Kind::counter;
    });
  };
  Members members = of(Rail::package);
  if (!members.empty()) append(members, of(Rail::dram));
  return members;
}

Members hwmon_packages(Sensors sensors, Kind kind) {
  return one_a_socket(sensors, all_that(sensors, [kind](const SensorInfo& s) {
                        return s.group.starts_with("hwmon") && s.kind == kind &&
                               s.rail == Rail::package;
                      }));
}

// Counters of the processor; where there are any, the cards' counters with them.
Members counted(Sensors sensors) {
  Members members = packages_of(sensors, "rapl");
  if (members.empty()) members = packages_of(sensors, "perf");
  if (members.empty()) members = hwmon_packages(sensors, Kind::counter);
  if (!members.empty()) append(members, gpu_counters(sensors));
  return members;
}

Members first_of(Sensors sensors, Kind kind, std::initializer_list<Rail> rails) {
  for (const Rail rail : rails) {
    const Members found =
        all_that(sensors, [&](const SensorInfo& s) { return s.kind == kind && s.rail == rail; });
    if (!found.empty()) return {found.front()};
  }
  return {};
}

bool belongs_to(const Unavailable& u, std::string_view group) {
  return u.id.starts_with("tegrastats:") == (group == kTegrastats);
}

// The rails of one source that together are the board; a complete set before an incomplete one.
Members board_rails(Sensors sensors, Missing unavailable) {
  std::vector<std::string> groups;
  for (const bool tegrastats : {false, true}) {
    for (const SensorInfo& s : sensors) {
      const bool is_new = std::find(groups.begin(), groups.end(), s.group) == groups.end();
      if (s.board_total && is_new && (s.group == kTegrastats) == tegrastats) {
        groups.push_back(s.group);
      }
    }
  }
  if (groups.empty()) return {};
  const auto is_complete = [&](const std::string& group) {
    return std::none_of(unavailable.begin(), unavailable.end(), [&](const Unavailable& u) {
      return u.board_total && belongs_to(u, group);
    });
  };
  const auto complete = std::find_if(groups.begin(), groups.end(), is_complete);
  const std::string& group = complete != groups.end() ? *complete : groups.front();
  return all_that(sensors, [&](const SensorInfo& s) { return s.board_total && s.group == group; });
}

Members choose_members(Sensors sensors, Missing unavailable) {
  const auto of_group = [&](std::string_view group, Kind kind) {
    return all_that(sensors,
                    [&](const SensorInfo& s) { return s.group == group && s.kind == kind; });
  };
  const Members meter = all_that(sensors, [](const SensorInfo& s) { return s.group == "meter"; });
  if (!meter.empty()) return {meter.front()};
  if (Members m = counted(sensors); !m.empty()) return m;
  if (Members m = first_of(sensors, Kind::counter, {Rail::psys, Rail::system}); !m.empty())
    return m;
  if (Members m = board_rails(sensors, unavailable); !m.empty()) return m;
  if (Members m = first_of(sensors, Kind::sampled, {Rail::system}); !m.empty()) return m;
  if (Members m = of_group("pmic", Kind::sampled); !m.empty()) return m;
  if (Members m = of_group("battery", Kind::sampled); !m.empty()) return m;
  if (Members m = hwmon_packages(sensors, Kind::sampled); !m.empty()) return m;
  return all_that(sensors, [](const SensorInfo& s) { return s.id == kModelId; });
}

// A package, dram zone, rail or card that could not be read belongs into a total of its kind.
std::string missing_from(const SensorInfo& first, Missing unavailable) {
  std::string ids;
  for (const Unavailable& u : unavailable) {
    const bool duplicate = u.id.find(' ') != std::string::npos;
    const bool package = u.id.starts_with("rapl:package-") && u.id.find('/') == std::string::npos;
    bool wanted = first.board_total && u.board_total && belongs_to(u, first.group);
    if (first.rail == Rail::package && first.kind == Kind::counter) {
      const bool of_perf =
          u.id.starts_with("perf:energy-pkg") || u.id.starts_with("perf:energy-ram");
      wanted = (first.group == "rapl" && (package || u.id.ends_with("/dram"))) ||
               (first.group == "perf" && of_perf) || u.id.starts_with("nvml:");
    }
    if (!duplicate && wanted) ids += (ids.empty() ? "" : ", ") + u.id;
  }
  return ids.empty() ? ids : "not in the total, because it cannot be read: " + ids;
}

// Several meters of the whole system: whether they share a load is unknown, so one is taken.
std::string left_out(Sensors sensors, const TotalSet& total) {
  const SensorInfo& first = sensors[total.members.front()];
  if (first.rail != Rail::system || first.board_total || first.group == "meter") return {};
  std::string ids;
  for (std::size_t i = 0; i < sensors.size(); ++i) {
    if (sensors[i].rail == Rail::system && sensors[i].kind == first.kind && i != total.members[0]) {
      ids += (ids.empty() ? "" : ", ") + sensors[i].id;
    }
  }
  return ids.empty() ? ids : "not added, because it may measure the same supply: " + ids;
}

// Cards whose joules this figure does not have, and may be thought to.
std::string cards_left_out(Sensors sensors, const TotalSet& total) {
  const SensorInfo& first = sensors[total.members.front()];
  if (first.kind != Kind::model && first.rail != Rail::package) return {};
  std::set<std::string> left_out;
  for (const SensorInfo& s : sensors) {
    if (s.group == "nvml" && s.rail == Rail::gpu) left_out.insert(nvml_card(s));
  }
  for (const std::size_t i : total.members) left_out.erase(nvml_card(sensors[i]));
  std::string ids;
  for (const std::string& id : left_out) ids += (ids.empty() ? "" : ", ") + id;
  if (ids.empty()) return ids;
  return first.kind == Kind::model
             ? "measured, but not in a modelled total, and no total alone: " + ids
             : "not in the total, which is the processor's: " + ids;
}

std::string scope_note(const SensorInfo& first) {
  if (first.group == "pmic") return "without the 5 V side (USB, fan) and the supply's losses";
  if (first.group == "battery") return "only while the battery discharges";
  return {};
}

TotalSet make_total(Sensors sensors, Members members) {
  TotalSet total;
  total.members = std::move(members);
  if (total.members.empty()) return total;
  total.kind = sensors[total.members.front()].kind;
  for (const std::size_t i : total.members) {
    if (sensors[i].kind != total.kind) total.kind = Kind::sampled;  // counters beside samples
    total.id += (total.id.empty() ? "" : "+") + sensors[i].id;
    total.scope += (total.scope.empty() ? "" : " + ") + sensors[i].scope;
  }
  return total;
}

std::unexpected<Error> no_such_sensor(Sensors sensors, Missing unavailable, const std::string& id) {
  for (const Unavailable& u : unavailable) {
    if (u.id == id) {
      return fail(ErrorCode::unavailable, fmt::format("{} cannot be read: {}", id, u.reason),
                  u.remedy);
    }
  }
  std::string all;
  for (const SensorInfo& s : sensors) all += (all.empty() ? "" : ", ") + s.id;
  return fail(ErrorCode::not_found, fmt::format("no sensor '{}'", id),
              all.empty() ? "Nothing can be read here: see wattle sense list."
                          : fmt::format("Choose among: {}.", all));
}

}  // namespace

TotalSet choose_total(Sensors sensors, Missing unavailable) {
  TotalSet total = make_total(sensors, choose_members(sensors, unavailable));
  if (total.members.empty()) return total;
  const SensorInfo& first = sensors[total.members.front()];
  for (const std::string& note : {missing_from(first, unavailable), left_out(sensors, total),
                                  cards_left_out(sensors, total), scope_note(first)}) {
    if (!note.empty()) total.note += (total.note.empty() ? "" : "; ") + note;
  }
  return total;
}

Result<TotalSet> select_total(Sensors sensors, Missing unavailable,
                              std::span<const std::string> ids) {
  if (ids.empty()) {
    return fail(ErrorCode::invalid_argument, "no sensor was named", "Name at least one.");
  }
  Members members;
  members.reserve(ids.size());
  for (const std::string& id : ids) {
    const auto found = std::find_if(sensors.begin(), sensors.end(),
                                    [&](const SensorInfo& s) { return s.id == id; });
    if (found == sensors.end()) return no_such_sensor(sensors, unavailable, id);
    const auto i = static_cast<std::size_t>(found - sensors.begin());
    for (const std::size_t other : members) {
      if (const auto why = overlap(sensors[other], sensors[i])) {
        return fail(ErrorCode::invalid_argument, "these sensors cannot be added: " + *why,
                    "Name only one of the two.");
      }
    }
    members.push_back(i);
  }
  return make_total(sensors, std::move(members));
}

}  // namespace wattle::sense
