#include "lab/eval/reference_logits.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <cstring>

#include "base/sha256.hpp"
#include "lab/eval/log_softmax.hpp"

namespace wattle::lab {
namespace {

constexpr std::string_view kMagic = "WTLLOGIT";
constexpr std::uint32_t kVersion = 1;
constexpr std::size_t kMaxName = 1024;
constexpr std::size_t kFingerprint = 64;
constexpr std::uint32_t kMaxVocab = 1U << 24U;
constexpr double kMaxRange = 32.0;  // nats; less probable tokens count as this improbable
constexpr double kCodes = 65535.0;

std::size_t row_bytes(std::uint32_t n_vocab) {
  return sizeof(float) + sizeof(std::uint16_t) * n_vocab;
}

template <class T>
void append(std::string& to, T value) {
  to.append(reinterpret_cast<const char*>(&value), sizeof value);  // little-endian machines only
}

// Reads forward; every read is checked against what is left.
class Cursor {
 public:
  Cursor(std::span<const std::byte> bytes, const std::string& source)
      : bytes_(bytes), source_(source) {}

  template <class T>
  Result<T> number() {
    WATTLE_TRY(const auto from, take(sizeof(T)));
    T value;
    std::memcpy(&value, from.data(), sizeof value);
    return value;
  }
  Result<std::string> text(std::size_t n) {
    WATTLE_TRY(const auto from, take(n));
    return std::string(reinterpret_cast<const char*>(from.data()), n);
  }
  Result<std::span<const std::byte>> take(std::size_t n) {
    if (n > left()) {
      return bad(
          fmt::format("it ends at byte {}, {} more were to come", bytes_.size(), n - left()));
    }
    const auto taken = bytes_.subspan(at_, n);
    at_ += n;
    return taken;
  }
  [[nodiscard]] std::size_t at() const { return at_; }
  [[nodiscard]] std::size_t left() const { return bytes_.size() - at_; }
  [[nodiscard]] std::unexpected<Error> bad(const std::string& what) const {
    return fail(ErrorCode::invalid_format,
                fmt::format("cannot read reference logits {}: {}", source_, what),
                "Make the file again with wattle eval divergence --save-logits.");
  }

 private:
  std::span<const std::byte> bytes_;
  const std::string& source_;
  std::size_t at_ = 0;
};

Result<ReferenceHeader> read_header(Cursor& cursor) {
  ReferenceHeader header;
  WATTLE_TRY(const std::string magic, cursor.text(kMagic.size()));
  if (magic != kMagic) return cursor.bad("it is not such a file");
  WATTLE_TRY(const auto version, cursor.number<std::uint32_t>());
  if (version != kVersion) return cursor.bad(fmt::format("it has version {}, not 1", version));
  WATTLE_TRY(header.n_vocab, cursor.number<std::uint32_t>());
  if (header.n_vocab == 0 || header.n_vocab > kMaxVocab) {
    return cursor.bad(fmt::format("a vocabulary of {} tokens", header.n_vocab));
  }
  WATTLE_TRY(header.n_windows, cursor.number<std::uint32_t>());
  if (header.n_windows == 0) return cursor.bad("it has no windows");
  WATTLE_TRY(header.fingerprint, cursor.text(kFingerprint));
  WATTLE_TRY(const auto n_name, cursor.number<std::uint32_t>());
  if (n_name > kMaxName) return cursor.bad(fmt::format("a model's name of {} bytes", n_name));
  WATTLE_TRY(header.model, cursor.text(n_name));
  return header;
}

Result<Window> read_window(Cursor& cursor, const ReferenceHeader& header) {
  WATTLE_TRY(const auto n_tokens, cursor.number<std::uint32_t>());
  WATTLE_TRY(const auto first_scored, cursor.number<std::uint32_t>());
  if (first_scored == 0 || first_scored >= n_tokens) {
    return cursor.bad(
        fmt::format("token {} of {} in a window is the first that counts", first_scored, n_tokens));
  }
  WATTLE_TRY(const auto ids, cursor.take(sizeof(engine::TokenId) * std::size_t{n_tokens}));
  Window window{std::vector<engine::TokenId>(n_tokens), first_scored};
  std::memcpy(window.tokens.data(), ids.data(), ids.size());
  for (const engine::TokenId id : window.tokens) {
    if (id < 0 || static_cast<std::uint32_t>(id) >= header.n_vocab) {
      return cursor.bad(fmt::format("token {} is not in a vocabulary of {}", id, header.n_vocab));
    }
  }
  return window;
}

Status check_rows(Cursor& cursor, const Window& window, std::uint32_t n_vocab) {
  for (std::size_t i = 0; i < window.n_scored(); ++i) {
    WATTLE_TRY(const auto range, cursor.number<float>());
    if (!(range >= 0.0F && range <= static_cast<float>(kMaxRange))) {
      return cursor.bad(fmt::format("a row spans {} nats", range));
    }
    WATTLE_TRY([[maybe_unused]] const auto codes,
               cursor.take(sizeof(std::uint16_t) * std::size_t{n_vocab}));
  }
  return {};
}

}  // namespace

std::string vocabulary_fingerprint(const engine::Tokenizer& tokenizer) {
  std::string all;
  for (std::size_t id = 0; id < tokenizer.vocab_size(); ++id) {
    const std::string piece = tokenizer.piece(static_cast<engine::TokenId>(id), true);
    append(all, static_cast<std::uint32_t>(piece.size()));
    all += piece;
  }
  return sha256_hex(std::as_bytes(std::span(all)));
}

Result<ReferenceLogitsWriter> ReferenceLogitsWriter::create(const std::filesystem::path& path,
                                                            const ReferenceHeader& header) {
  const std::string name = header.model.substr(0, kMaxName);
  std::string bytes(kMagic);
  append(bytes, kVersion);
  append(bytes, header.n_vocab);
  append(bytes, header.n_windows);
  bytes += header.fingerprint;
  append(bytes, static_cast<std::uint32_t>(name.size()));
  bytes += name;
  WATTLE_TRY(AtomicFile file, AtomicFile::create(path));
  WATTLE_CHECK(file.write(bytes));
  return ReferenceLogitsWriter(std::move(file));
}

Status ReferenceLogitsWriter::begin_window(const Window& window) {
  std::string bytes;
  append(bytes, static_cast<std::uint32_t>(window.tokens.size()));
  append(bytes, static_cast<std::uint32_t>(window.first_scored));
  for (const engine::TokenId id : window.tokens) append(bytes, id);
  return file_.write(bytes);
}

Status ReferenceLogitsWriter::add_row(std::span<const float> logits) {
  const double sum = log_sum(logits).value;
  const double least = std::ranges::min(logits);
  const auto range = static_cast<float>(std::clamp(sum - least, 0.0, kMaxRange));
  const double codes_per_nat = range > 0.0F ? kCodes / static_cast<double>(range) : 0.0;
  std::string bytes;
  bytes.reserve(row_bytes(static_cast<std::uint32_t>(logits.size())));
  append(bytes, range);
  for (const float logit : logits) {
    const double code = (sum - static_cast<double>(logit)) * codes_per_nat;
    append(bytes, static_cast<std::uint16_t>(std::clamp(std::round(code), 0.0, kCodes)));
  }
  return file_.write(bytes);
}

Result<ReferenceLogits> ReferenceLogits::open(const std::filesystem::path& path) {
  WATTLE_TRY(MappedFile file, MappedFile::open(path));
  WATTLE_TRY(ReferenceLogits made, parse(file.bytes(), path.string()));
  made.file_.emplace(std::move(file));  // the mapping stays where it is
  return made;
}

Result<ReferenceLogits> ReferenceLogits::parse(std::span<const std::byte> bytes,
                                               const std::string& source) {
  Cursor cursor(bytes, source);
  ReferenceLogits made;
  made.bytes_ = bytes;
  WATTLE_TRY(made.header_, read_header(cursor));
  for (std::uint32_t i = 0; i < made.header_.n_windows; ++i) {
    WATTLE_TRY(Window window, read_window(cursor, made.header_));
    made.rows_at_.push_back(cursor.at());
    WATTLE_CHECK(check_rows(cursor, window, made.header_.n_vocab));
    made.windows_.push_back(std::move(window));
  }
  if (cursor.left() != 0) {
    return cursor.bad(fmt::format("{} bytes follow its last window", cursor.left()));
  }
  return made;
}

void ReferenceLogits::read_row(std::size_t window, std::size_t token, std::span<float> out) const {
  const std::size_t row = token - windows_[window].first_scored;
  const std::byte* from = bytes_.data() + rows_at_[window] + row * row_bytes(header_.n_vocab);
  float range = 0.0F;
  std::memcpy(&range, from, sizeof range);
  const double nats_per_code = static_cast<double>(range) / kCodes;
  for (std::size_t i = 0; i < out.size(); ++i) {
    std::uint16_t code = 0;
    std::memcpy(&code, from + sizeof range + i * sizeof code, sizeof code);
    out[i] = static_cast<float>(-nats_per_code * code);
  }
}

}  // namespace wattle::lab
