#include "engine/text_stream.hpp"

#include <algorithm>

namespace wattle::engine {
namespace {

constexpr std::string_view kReplacement = "\xEF\xBF\xBD";

// Length of the longest suffix of `text` that is a proper prefix of `stop`.
std::size_t suffix_of(std::string_view text, std::string_view stop) {
  std::size_t n = std::min(text.size(), stop.size() - 1);
  while (n > 0 && text.substr(text.size() - n) != stop.substr(0, n)) --n;
  return n;
}

}  // namespace

// The Unicode Standard, table 3-7: well-formed UTF-8 byte sequences.
int utf8_character(std::string_view bytes) {
  const auto byte = [bytes](std::size_t i) { return static_cast<unsigned char>(bytes[i]); };
  if (bytes.empty()) return 0;
  const unsigned char lead = byte(0);
  if (lead < 0x80) return 1;
  if (lead < 0xC2 || lead > 0xF4) return -1;
  const std::size_t length = lead < 0xE0 ? 2 : lead < 0xF0 ? 3 : 4;
  unsigned char low = 0x80;
  unsigned char high = 0xBF;
  if (lead == 0xE0) low = 0xA0;
  if (lead == 0xED) high = 0x9F;
  if (lead == 0xF0) low = 0x90;
  if (lead == 0xF4) high = 0x8F;
  for (std::size_t i = 1; i < length; ++i) {
    if (i == bytes.size()) return 0;
    if (byte(i) < low || byte(i) > high) return -1;
    low = 0x80;
    high = 0xBF;
  }
  return static_cast<int>(length);
}

TextStream::TextStream(std::vector<std::string> stop) : stop_(std::move(stop)) {
  std::erase_if(stop_, [](const std::string& s) { return s.empty(); });
}

std::string TextStream::push(std::string_view bytes) {
  if (stopped_) return {};
  bytes_ += bytes;
  std::string_view rest = bytes_;
  while (!rest.empty()) {
    const int length = utf8_character(rest);
    if (length == 0) break;
    text_ += length < 0 ? kReplacement : rest.substr(0, static_cast<std::size_t>(length));
    rest.remove_prefix(static_cast<std::size_t>(std::max(length, 1)));
  }
  bytes_.erase(0, bytes_.size() - rest.size());
  return release();
}

std::string TextStream::release() {
  std::size_t end = std::string::npos;
  std::size_t held = 0;
  for (const std::string& stop : stop_) {
    end = std::min(end, text_.find(stop));
    held = std::max(held, suffix_of(text_, stop));
  }
  if (end != std::string::npos) {
    stopped_ = true;
    std::string out = text_.substr(0, end);
    text_.clear();
    bytes_.clear();
    return out;
  }
  std::string out = text_.substr(0, text_.size() - held);
  text_.erase(0, out.size());
  return out;
}

std::string TextStream::finish() {
  std::string out;
  out.swap(text_);
  if (!bytes_.empty()) out += kReplacement;
  bytes_.clear();
  return out;
}

}  // namespace wattle::engine
