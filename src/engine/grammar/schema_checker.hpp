#pragma once
// For tests and fuzzing: whether a value is valid under a JSON schema, written plainly after the
// specification (draft 2020-12) and with nothing of the engine's code.

#include <algorithm>
#include <cmath>
#include <regex>
#include <string>

#include "base/json.hpp"

namespace wattle::engine {

class SchemaChecker {
 public:
  explicit SchemaChecker(const Json& root) : root_(root) {}
  // Also true where the schema refers to itself without end.
  [[nodiscard]] bool valid(const Json& value) {
    endless_ = false;
    return valid(root_, value) || endless_;
  }

 private:
  static std::size_t n_characters(const std::string& text) {
    return static_cast<std::size_t>(std::ranges::count_if(
        text, [](char c) { return (static_cast<unsigned char>(c) & 0xC0U) != 0x80; }));
  }

  static std::wstring characters(const std::string& text) {
    std::wstring wide;
    for (const char c : text) {
      const auto byte = static_cast<unsigned char>(c);
      if ((byte & 0xC0U) == 0x80) {
        wide.back() = static_cast<wchar_t>(wide.back() * 64 + (byte & 0x3F));
      } else {
        const int lead = byte < 0x80 ? 0x7F : byte < 0xE0 ? 0x1F : byte < 0xF0 ? 0x0F : 0x07;
        wide += static_cast<wchar_t>(byte & lead);
      }
    }
    return wide;
  }

  static bool has_type(const std::string& type, const Json& value) {
    if (type == "null") return value.is_null();
    if (type == "boolean") return value.is_boolean();
    if (type == "string") return value.is_string();
    if (type == "array") return value.is_array();
    if (type == "object") return value.is_object();
    if (type == "number") return value.is_number();
    return value.is_number() && value.get<double>() == std::floor(value.get<double>());
  }

  static bool equal(const Json& a, const Json& b) {
    // Sorted members.
    return nlohmann::json::parse(a.dump()) == nlohmann::json::parse(b.dump());
  }

  [[nodiscard]] bool valid(const Json& schema, const Json& value) const {
    if (schema.is_boolean()) return schema.get<bool>();
    if (depth_ > 300) endless_ = true;
    if (endless_) return true;
    ++depth_;
    const bool all = std::ranges::all_of(schema.items(), [&](const auto& keyword) {
      return holds(schema, keyword.key(), keyword.value(), value);
    });
    --depth_;
    return all;
  }

  [[nodiscard]] bool holds(const Json& schema, const std::string& keyword, const Json& what,
                           const Json& value) const {
    const auto valid_here = [&](const Json& inner) { return valid(inner, value); };
    if (keyword == "type") {
      if (what.is_string()) return has_type(what, value);
      return std::ranges::any_of(what, [&](const Json& type) { return has_type(type, value); });
    }
    if (keyword == "enum") {
      return std::ranges::any_of(what, [&](const Json& other) { return equal(other, value); });
    }
    if (keyword == "const") return equal(what, value);
    if (keyword == "anyOf") return std::ranges::any_of(what, valid_here);
    if (keyword == "allOf") return std::ranges::all_of(what, valid_here);
    if (keyword == "oneOf") return std::ranges::count_if(what, valid_here) == 1;
    if (keyword == "$ref") {
      auto pointer = what.get<std::string>().substr(1);
      for (auto at = pointer.find("%20"); at != std::string::npos; at = pointer.find("%20")) {
        pointer.replace(at, 3, " ");
      }
      return valid(root_.at(Json::json_pointer(pointer)), value);
    }
    if (value.is_object()) return holds_of_object(schema, keyword, what, value);
    if (value.is_array()) return holds_of_array(schema, keyword, what, value);
    if (value.is_string()) return holds_of_string(keyword, what, value);
    if (value.is_number()) return holds_of_number(keyword, what, value);
    return true;
  }

  [[nodiscard]] bool holds_of_object(const Json& schema, const std::string& keyword,
                                     const Json& what, const Json& value) const {
    const Json properties = schema.value("properties", Json::object());
    return std::ranges::all_of(
               value.items(),
               [&](const auto& member) {
                 if (keyword == "properties" && what.contains(member.key())) {
                   return valid(what[member.key()], member.value());
                 }
                 if (keyword == "additionalProperties" && !properties.contains(member.key())) {
                   return valid(what, member.value());
                 }
                 return true;
               }) &&
           (keyword != "required" || std::ranges::all_of(what, [&](const Json& name) {
              return value.contains(name.get<std::string>());
            }));
  }

  [[nodiscard]] bool holds_of_array(const Json& schema, const std::string& keyword,
                                    const Json& what, const Json& value) const {
    if (keyword == "minItems") return value.size() >= what.get<std::size_t>();
    if (keyword == "maxItems") return value.size() <= what.get<std::size_t>();
    const std::size_t n_first = schema.value("prefixItems", Json::array()).size();
    for (std::size_t i = 0; i < value.size(); ++i) {
      if (keyword == "prefixItems" && i < n_first && !valid(what[i], value[i])) return false;
      if (keyword == "items" && i >= n_first && !valid(what, value[i])) return false;
    }
    return true;
  }

  static bool holds_of_string(const std::string& keyword, const Json& what,
                              const std::string& value) {
    if (keyword == "minLength") return n_characters(value) >= what.get<std::size_t>();
    if (keyword == "maxLength") return n_characters(value) <= what.get<std::size_t>();
    if (keyword == "pattern") {
      // The library's \s knows only ASCII.
      auto pattern = what.get<std::string>();
      if (const auto at = pattern.find("\\s"); at != std::string::npos) {
        pattern.replace(
            at, 2,
            "[\\t-\\r \\u00a0\\u1680\\u2000-\\u200a\\u2028\\u2029\\u202f\\u205f\\u3000\\ufeff]");
      }
      return std::regex_search(characters(value), std::wregex(characters(pattern)));
    }
    if (keyword != "format") return true;
    if (what == "uuid") {
      return std::regex_match(value,
                              std::regex("[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}"));
    }
    if (what == "date") return is_date(value);
    if (what == "time") return is_time(value);
    return value.size() > 11 && value[10] == 'T' && is_date(value.substr(0, 10)) &&
           is_time(value.substr(11));
  }

  static bool is_date(const std::string& text) {
    if (!std::regex_match(text, std::regex("\\d{4}-\\d{2}-\\d{2}"))) return false;
    const int year = std::stoi(text.substr(0, 4));
    const int month = std::stoi(text.substr(5, 2));
    const int day = std::stoi(text.substr(8, 2));
    constexpr int kDays[] = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
    if (month < 1 || month > 12) return false;
    const bool leap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
    return day >= 1 && day <= kDays[month - 1] + (leap && month == 2 ? 1 : 0);
  }

  static bool is_time(const std::string& text) {
    const std::regex shape("(\\d{2}):(\\d{2}):(\\d{2})(\\.\\d+)?(Z|[+-](\\d{2}):(\\d{2}))");
    std::smatch part;
    if (!std::regex_match(text, part, shape)) return false;
    const auto below = [&](std::size_t i, int limit) {
      return !part[i].matched || std::stoi(part[i]) < limit;
    };
    return below(1, 24) && below(2, 60) && below(3, 60) && below(6, 24) && below(7, 60);
  }

  static bool holds_of_number(const std::string& keyword, const Json& what, const Json& value) {
    const auto number = value.get<double>();
    if (keyword == "minimum") return number >= what.get<double>();
    if (keyword == "maximum") return number <= what.get<double>();
    if (keyword == "exclusiveMinimum") return number > what.get<double>();
    if (keyword == "exclusiveMaximum") return number < what.get<double>();
    return true;
  }

  const Json& root_;
  mutable int depth_ = 0;
  mutable bool endless_ = false;
};

}  // namespace wattle::engine
