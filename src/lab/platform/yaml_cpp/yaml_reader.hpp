#pragma once
// Reads YAML mappings strictly: types, ranges and unknown keys are checked, and every problem is
// collected with its line and column instead of ending at the first. yaml-cpp and its exceptions
// stay in this file's implementation and in manifest.cpp.

#include <yaml-cpp/yaml.h>

#include <cstdint>
#include <functional>
#include <initializer_list>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.hpp"
#include "lab/manifest.hpp"

namespace wattle::lab {

class Problems {
 public:
  explicit Problems(std::string source) : source_(std::move(source)) {}
  void add(const Place& place, const std::string& text);
  [[nodiscard]] bool empty() const { return found_.empty(); }
  // All of them, in the order of the file.
  [[nodiscard]] Error error() const;

 private:
  struct Problem {
    Place place;
    std::string text;
  };
  std::string source_;
  std::vector<Problem> found_;
};

[[nodiscard]] Place place_of(const YAML::Node& node);

// One mapping of the file. Keys that nobody asked for are reported by done().
class YamlMap {
 public:
  // `name` as in "generate": used in messages; "" for the whole file.
  YamlMap(const YAML::Node& node, std::string name, Problems& problems);

  [[nodiscard]] bool has(std::string_view key);
  void text(std::string_view key, std::string& value);
  void boolean(std::string_view key, bool& value);
  void number(std::string_view key, double& value, double low, double high);
  template <class Integer>
  void integer(std::string_view key, Integer& value, std::uint64_t low, std::uint64_t high) {
    if (const auto found = read_integer(key, low, high)) value = static_cast<Integer>(*found);
  }
  // Calls `each` for every element; a missing key is fine, an empty list is not.
  void list(std::string_view key, const std::function<void(const YAML::Node&)>& each);
  void map(std::string_view key, const std::function<void(YamlMap&)>& read);
  void done();

  [[nodiscard]] Place place() const;

 private:
  std::optional<YAML::Node> find(std::string_view key);
  std::optional<std::uint64_t> read_integer(std::string_view key, std::uint64_t low,
                                            std::uint64_t high);
  [[nodiscard]] std::string title(std::string_view key) const;

  YAML::Node node_;
  std::string name_;
  Problems& problems_;
  std::vector<std::string> known_;
};

// What a node is, for messages: "a list", "the text 'x'", "nothing".
[[nodiscard]] std::string describe(const YAML::Node& node);
// A plain (unquoted) whole number, or empty.
[[nodiscard]] std::optional<std::uint64_t> as_integer(const YAML::Node& node);
[[nodiscard]] std::optional<std::string> as_text(const YAML::Node& node);

}  // namespace wattle::lab
