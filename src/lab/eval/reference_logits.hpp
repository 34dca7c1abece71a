#pragma once
// Next-token distributions of a reference model in a file, so that a large reference runs once for
// many candidates. Format: docs/formats/reference-logits.md.

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "base/atomic_file.hpp"
#include "base/mapped_file.hpp"
#include "base/result.hpp"
#include "engine/tokenizer.hpp"
#include "lab/eval/windows.hpp"

namespace wattle::lab {

// SHA-256 over all tokens' texts: two vocabularies with the same one have the same ids for the same
// texts.
[[nodiscard]] std::string vocabulary_fingerprint(const engine::Tokenizer& tokenizer);

struct ReferenceHeader {
  std::string model;        // its name, at most 1,024 bytes
  std::string fingerprint;  // of its vocabulary, 64 characters
  std::uint32_t n_vocab = 0;
  std::uint32_t n_windows = 0;
};

// The file appears whole at commit() or not at all. Errors are those of the disk.
class ReferenceLogitsWriter {
 public:
  static Result<ReferenceLogitsWriter> create(const std::filesystem::path& path,
                                              const ReferenceHeader& header);
  // Then one row for each scored token of the window, in order.
  [[nodiscard]] Status begin_window(const Window& window);
  // `logits` [n_vocab], up to a constant.
  [[nodiscard]] Status add_row(std::span<const float> logits);
  [[nodiscard]] Status commit() { return file_.commit(); }

 private:
  explicit ReferenceLogitsWriter(AtomicFile file) : file_(std::move(file)) {}
  AtomicFile file_;
};

// A file, checked as a whole when it is opened: sizes, token ids, ranges.
class ReferenceLogits {
 public:
  static Result<ReferenceLogits> open(const std::filesystem::path& path);
  // `bytes` must outlive the object; `source` names them in errors.
  static Result<ReferenceLogits> parse(std::span<const std::byte> bytes, const std::string& source);

  [[nodiscard]] const ReferenceHeader& header() const { return header_; }
  [[nodiscard]] const std::vector<Window>& windows() const { return windows_; }
  // Log-probabilities, up to rounding, of the token at index `token` ≥ first_scored of a window, to
  // out [n_vocab]. Safe from several threads.
  void read_row(std::size_t window, std::size_t token, std::span<float> out) const;

 private:
  std::optional<MappedFile> file_;
  std::span<const std::byte> bytes_;
  ReferenceHeader header_;
  std::vector<Window> windows_;
  std::vector<std::size_t> rows_at_;  // of each window's first row, in bytes_
};

}  // namespace wattle::lab
