#include "learn/platform/torch/export.hpp"

#include <fmt/format.h>

#include <span>

#include "engine/gguf_writer.hpp"
#include "engine/quant.hpp"

namespace wattle::learn {
namespace {
using engine::GgufWriter;
using engine::TensorType;

void set_metadata(GgufWriter& writer, const ModelShape& shape, const std::string& name) {
  const auto u32 = [&](const char* key, std::int64_t value) {
    writer.set_uint32(key, static_cast<std::uint32_t>(value));
  };
  writer.set_string("general.architecture", "llama");
  writer.set_string("general.name", name);
  u32("general.file_type", 1);  // mostly F16
  writer.set_string("general.license", "mit");
  // Every answer is to one reading: what was said before it was never trained on.
  writer.set_string("tokenizer.chat_template", "{{ messages[-1].content }}");
  u32("llama.context_length", shape.context);
  u32("llama.embedding_length", shape.d_model);
  u32("llama.block_count", shape.n_layers);
  u32("llama.feed_forward_length", shape.d_ff);
  u32("llama.attention.head_count", shape.n_heads);
  u32("llama.attention.head_count_kv", shape.n_kv_heads);
  u32("llama.attention.key_length", shape.head_dim);
  u32("llama.attention.value_length", shape.head_dim);
  u32("llama.rope.dimension_count", shape.head_dim);
  u32("llama.vocab_size", shape.n_vocab);
  writer.set_float32("llama.rope.freq_base", static_cast<float>(shape.rope_base));
  writer.set_float32("llama.attention.layer_norm_rms_epsilon", static_cast<float>(shape.epsilon));
}

// `tensor` is contiguous and outlives the writer.
void add_tensor(GgufWriter& writer, const std::string& name, TensorType type,
                const torch::Tensor& tensor) {
  std::vector<std::uint64_t> shape;
  for (std::int64_t i = tensor.dim(); i-- > 0;) {
    shape.push_back(static_cast<std::uint64_t>(tensor.size(i)));
  }
  writer.add_tensor(name, type, std::move(shape), [type, tensor](const GgufWriter::Sink& sink) {
    const std::span values(tensor.data_ptr<float>(), static_cast<std::size_t>(tensor.numel()));
    if (type == TensorType::f32) return sink(std::as_bytes(values));
    std::vector<std::uint16_t> halves;
    halves.reserve(values.size());
    for (const float value : values) halves.push_back(engine::f32_to_f16(value));
    return sink(std::as_bytes(std::span<const std::uint16_t>(halves)));
  });
}
}  // namespace

Status export_gguf(const Network& network, const Vocabulary& vocabulary, const std::string& name,
                   const std::filesystem::path& path) {
  GgufWriter writer;
  set_metadata(writer, network.shape(), name);
  write_vocabulary(writer, vocabulary);
  for (const auto& parameter : network.parameters()) {
    if (!parameter.exported) continue;
    const torch::Tensor tensor = parameter.tensor.detach();
    if (tensor.dim() == 1) {
      add_tensor(writer, parameter.name + ".weight", TensorType::f32, tensor);
      continue;
    }
    if (parameter.parts.empty()) {
      add_tensor(writer, parameter.name + ".weight", TensorType::f16, tensor);
      continue;
    }
    std::int64_t row = 0;
    for (const auto& part : parameter.parts) {
      add_tensor(writer, part.name + ".weight", TensorType::f16, tensor.narrow(0, row, part.rows));
      row += part.rows;
    }
  }
  return writer.write(path);
}

}  // namespace wattle::learn
