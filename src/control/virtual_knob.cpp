#include "control/virtual_knob.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <cstdlib>

namespace wattle::control {
namespace {

// A writer opens with O_TRUNC and then writes; two limits are two writes. What is still wrong after
// so many polls was meant.
constexpr int kPatience = 5;
constexpr std::size_t kLongest = 4096;

std::string as_text(double number) {
  return fmt::format("{:.0f}", number);
}

}  // namespace

std::optional<std::string> accept_number(std::string_view text, std::uint64_t low,
                                         std::uint64_t high, bool clamp) {
  const std::string_view digits = trim(text);
  std::uint64_t number = 0;
  const auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), number);
  if (digits.empty() || error != std::errc{} || end != digits.data() + digits.size()) return {};
  if (!clamp && (number < low || number > high)) return {};
  return std::to_string(std::clamp(number, low, high));
}

std::optional<std::string> accept_word(std::string_view text,
                                       const std::vector<std::string>& words) {
  const auto found = std::find(words.begin(), words.end(), trim(text));
  if (found == words.end()) return {};
  return *found;
}

std::string Knob::look(const VirtualTree& tree) const {
  const auto text = tree.root().read_text(path_, kLongest);
  return text ? std::string(trim(*text)) : std::string();
}

Status Knob::poll(VirtualTree& tree) {
  const std::string found = look(tree);
  if (const auto accepted = accept_(found)) value_ = *accepted;
  if (found == value_) {
    n_wrong_ = 0;
    return {};
  }
  if (++n_wrong_ < kPatience || look(tree) != found) return {};
  return set(tree, value_);
}

Status Knob::set(VirtualTree& tree, std::string value) {
  value_ = std::move(value);
  n_wrong_ = 0;
  tree.forget(path_);
  return tree.write(path_, value_ + "\n");
}

double Knob::number() const {
  return std::atof(value_.c_str());
}

LimitKnobs::LimitKnobs(const std::string& min_path, const std::string& max_path, std::uint64_t low,
                       std::uint64_t high)
    : min_(min_path, std::to_string(low),
           [=](std::string_view text) { return accept_number(text, low, high, true); }),
      max_(max_path, std::to_string(high),
           [=](std::string_view text) { return accept_number(text, low, high, true); }),
      low_(static_cast<double>(low)),
      high_(static_cast<double>(high)) {}

Status LimitKnobs::create(VirtualTree& tree) {
  WATTLE_CHECK(min_.set(tree, min_.value()));
  return max_.set(tree, max_.value());
}

Status LimitKnobs::poll(VirtualTree& tree) {
  WATTLE_CHECK(min_.poll(tree));
  WATTLE_CHECK(max_.poll(tree));
  if (min_.number() <= max_.number()) {
    low_ = min_.number();
    high_ = max_.number();
    n_crossed_ = 0;
    return {};
  }
  if (++n_crossed_ < kPatience) return {};
  n_crossed_ = 0;
  WATTLE_CHECK(min_.set(tree, as_text(low_)));
  return max_.set(tree, as_text(high_));
}

}  // namespace wattle::control
