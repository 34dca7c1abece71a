// Any bytes as a safetensors file: an error, or tensors that lie within it.
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <span>

#include "engine/hf/safetensors.hpp"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const auto bytes = std::as_bytes(std::span(data, size));
  const auto file = wattle::engine::SafetensorsFile::parse(bytes, "fuzz");
  if (!file) return 0;
  for (const auto& tensor : file->tensors()) {
    if (tensor.bytes.empty()) continue;
    if (&tensor.bytes.front() < &bytes.front() || &tensor.bytes.back() > &bytes.back()) {
      std::abort();
    }
  }
  return 0;
}
