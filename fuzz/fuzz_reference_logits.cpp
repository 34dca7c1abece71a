// Any bytes as a file of reference logits: an error that names it, or rows that can all be read.
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <span>
#include <vector>

#include "lab/eval/reference_logits.hpp"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const auto file =
      wattle::lab::ReferenceLogits::parse(std::as_bytes(std::span(data, size)), "fuzz.logits");
  if (!file) {
    if (!file.error().what.contains("fuzz.logits")) std::abort();
    return 0;
  }
  std::vector<float> row(file->header().n_vocab);
  for (std::size_t w = 0; w < file->windows().size(); ++w) {
    const auto& window = file->windows()[w];
    for (std::size_t token = window.first_scored; token < window.tokens.size(); ++token) {
      file->read_row(w, token, row);
      for (const float x : row) {
        if (!std::isfinite(x) || x > 0.0F) std::abort();
      }
    }
  }
  return 0;
}
