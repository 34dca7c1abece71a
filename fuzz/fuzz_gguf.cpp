// Any bytes as a model file: an error or a consistent table, never a crash.
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <span>

#include "engine/gguf.hpp"
#include "engine/quant.hpp"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace wattle;
  const auto file = engine::GgufFile::parse(std::as_bytes(std::span(data, size)), "fuzz");
  if (!file) {
    if (file.error().what.empty()) std::abort();
    return 0;
  }
  for (const auto& [key, value] : file->metadata()) {
    if (file->find(key) != &value) std::abort();
    (void)file->get_uint(key);
    (void)file->get_float(key);
    (void)file->get_bool(key);
    (void)file->get_string(key);
    if (const auto* array = file->find_array(key)) (void)array->size();
  }
  for (const auto& tensor : file->tensors()) {
    // Touches every byte of the tensor: its region must lie inside the input.
    std::vector<float> values(tensor.n_elements);
    engine::dequantize_row(tensor.type, file->tensor_bytes(tensor), values);
  }
  return 0;
}
