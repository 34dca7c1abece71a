#include "lab/platform/yaml_cpp/yaml_reader.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <cmath>
#include <utility>

#include "lab/nearest.hpp"

namespace wattle::lab {
namespace {

bool is_plain(const YAML::Node& node) {
  return node.IsScalar() && node.Tag() != "!";  // "!" marks quoted and block scalars
}

std::string shortened(const std::string& text) {
  constexpr std::size_t kMost = 60;
  std::string line = text.substr(0, kMost);
  std::replace_if(
      line.begin(), line.end(), [](char c) { return static_cast<unsigned char>(c) < 0x20; }, ' ');
  return text.size() > kMost ? line + "…" : line;
}

}  // namespace

void Problems::add(const Place& place, const std::string& text) {
  found_.push_back({place, text});
}

Error Problems::error() const {
  auto ordered = found_;
  std::stable_sort(ordered.begin(), ordered.end(), [](const Problem& a, const Problem& b) {
    return std::pair(a.place.line, a.place.column) < std::pair(b.place.line, b.place.column);
  });
  std::string text;
  if (ordered.size() > 1) text = fmt::format("{} has {} problems:\n", source_, ordered.size());
  for (std::size_t i = 0; i < ordered.size(); ++i) {
    if (i > 0) text += '\n';
    text += fmt::format("{}{}: {}", ordered.size() > 1 ? "  " : "",
                        describe(source_, ordered[i].place), ordered[i].text);
  }
  return Error{ErrorCode::invalid_format, text, {}};
}

Place place_of(const YAML::Node& node) {
  const YAML::Mark mark = node.Mark();
  return mark.is_null() ? Place{} : Place{mark.line + 1, mark.column + 1};
}

std::string describe(const YAML::Node& node) {
  switch (node.Type()) {
    case YAML::NodeType::Undefined:
    case YAML::NodeType::Null:
      return "nothing";
    case YAML::NodeType::Sequence:
      return "a list";
    case YAML::NodeType::Map:
      return "a mapping";
    case YAML::NodeType::Scalar:
      return fmt::format("{}'{}'", is_plain(node) ? "" : "the text ", shortened(node.Scalar()));
  }
  return "something else";
}

std::optional<std::uint64_t> as_integer(const YAML::Node& node) {
  if (!is_plain(node)) return std::nullopt;
  const std::string& text = node.Scalar();
  std::uint64_t value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc{} || end != text.data() + text.size()) return std::nullopt;
  return value;
}

std::optional<std::string> as_text(const YAML::Node& node) {
  if (!node.IsScalar()) return std::nullopt;
  return node.Scalar();
}

YamlMap::YamlMap(const YAML::Node& node, std::string name, Problems& problems)
    : node_(node), name_(std::move(name)), problems_(problems) {}

Place YamlMap::place() const {
  return place_of(node_);
}

std::string YamlMap::title(std::string_view key) const {
  return name_.empty() ? std::string(key) : fmt::format("{}.{}", name_, key);
}

std::optional<YAML::Node> YamlMap::find(std::string_view key) {
  if (std::find(known_.begin(), known_.end(), key) == known_.end()) known_.emplace_back(key);
  for (const auto& entry : node_) {
    if (!entry.first.IsScalar() || entry.first.Scalar() != key) continue;
    if (entry.second.IsNull()) {
      problems_.add(place_of(entry.first),
                    fmt::format("'{}' has no value; give one or remove the key", title(key)));
      return std::nullopt;
    }
    return entry.second;
  }
  return std::nullopt;
}

bool YamlMap::has(std::string_view key) {
  return std::any_of(node_.begin(), node_.end(), [&](const auto& entry) {
    return entry.first.IsScalar() && entry.first.Scalar() == key;
  });
}

void YamlMap::text(std::string_view key, std::string& value) {
  const auto node = find(key);
  if (!node) return;
  if (const auto found = as_text(*node)) {
    value = *found;
  } else {
    problems_.add(place_of(*node),
                  fmt::format("'{}' must be a text, found {}", title(key), describe(*node)));
  }
}

void YamlMap::boolean(std::string_view key, bool& value) {
  const auto node = find(key);
  if (!node) return;
  if (is_plain(*node) && (node->Scalar() == "true" || node->Scalar() == "false")) {
    value = node->Scalar() == "true";
  } else {
    problems_.add(place_of(*node),
                  fmt::format("'{}' must be true or false, found {}", title(key), describe(*node)));
  }
}

void YamlMap::number(std::string_view key, double& value, double low, double high) {
  const auto node = find(key);
  if (!node) return;
  double found = 0.0;
  bool valid = is_plain(*node);
  if (valid) {
    const std::string& digits = node->Scalar();
    const auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), found);
    valid = error == std::errc{} && end == digits.data() + digits.size() && std::isfinite(found);
  }
  if (!valid) {
    problems_.add(place_of(*node),
                  fmt::format("'{}' must be a number, found {}", title(key), describe(*node)));
  } else if (found < low || found > high) {
    problems_.add(place_of(*node), fmt::format("'{}' is {}, it must be between {} and {}",
                                               title(key), found, low, high));
  } else {
    value = found;
  }
}

std::optional<std::uint64_t> YamlMap::read_integer(std::string_view key, std::uint64_t low,
                                                   std::uint64_t high) {
  const auto node = find(key);
  if (!node) return std::nullopt;
  const auto found = as_integer(*node);
  if (!found) {
    problems_.add(place_of(*node),
                  fmt::format("'{}' must be a whole number from {} to {}, found {}", title(key),
                              low, high, describe(*node)));
    return std::nullopt;
  }
  if (*found < low || *found > high) {
    problems_.add(place_of(*node), fmt::format("'{}' is {}, it must be from {} to {}", title(key),
                                               *found, low, high));
    return std::nullopt;
  }
  return found;
}

void YamlMap::list(std::string_view key, const std::function<void(const YAML::Node&)>& each) {
  const auto node = find(key);
  if (!node) return;
  if (!node->IsSequence()) {
    problems_.add(place_of(*node), fmt::format("'{}' must be a list such as [a, b], found {}",
                                               title(key), describe(*node)));
    return;
  }
  if (node->size() == 0) {
    problems_.add(
        place_of(*node),
        fmt::format("'{}' is an empty list; name at least one, or remove the key", title(key)));
  }
  for (const auto& element : *node) each(element);
}

void YamlMap::map(std::string_view key, const std::function<void(YamlMap&)>& read) {
  const auto node = find(key);
  if (!node) return;
  if (!node->IsMap()) {
    problems_.add(place_of(*node), fmt::format("'{}' must be a mapping of keys to values, found {}",
                                               title(key), describe(*node)));
    return;
  }
  YamlMap inner(*node, title(key), problems_);
  read(inner);
  inner.done();
}

void YamlMap::done() {
  std::vector<std::string> seen;
  for (const auto& entry : node_) {
    if (!entry.first.IsScalar()) {
      problems_.add(place_of(entry.first),
                    fmt::format("a key must be a text, found {}", describe(entry.first)));
      continue;
    }
    const std::string& key = entry.first.Scalar();
    if (std::find(seen.begin(), seen.end(), key) != seen.end()) {
      problems_.add(place_of(entry.first), fmt::format("key '{}' appears twice", shortened(key)));
    }
    seen.push_back(key);
    if (std::find(known_.begin(), known_.end(), key) != known_.end()) continue;
    std::string all;
    for (const auto& known : known_) all += (all.empty() ? "" : ", ") + known;
    const auto near = nearest(key, known_);
    problems_.add(place_of(entry.first),
                  fmt::format("unknown key '{}'{}{}", shortened(key),
                              name_.empty() ? "" : fmt::format(" in '{}'", name_),
                              near ? fmt::format("; did you mean '{}'?", *near)
                                   : fmt::format("; known keys: {}", all)));
  }
}

}  // namespace wattle::lab
