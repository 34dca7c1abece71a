#include "compress/synth.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <cstring>
#include <utility>

#include "base/interrupt.hpp"
#include "compress/parallel.hpp"
#include "compress/quantize.hpp"
#include "compress/synth_weights.hpp"
#include "engine/gguf_writer.hpp"

namespace wattle::compress {
namespace {

using engine::GgufWriter;
using engine::TensorType;

constexpr std::uint64_t kChunkElements = std::uint64_t{1} << 20;

void set_metadata(GgufWriter& writer, const SynthShape& shape, TensorType type) {
  const std::string arch(shape.architecture);
  writer.set_string("general.architecture", arch);
  writer.set_string("general.name", fmt::format("random weights, shape {}", shape.name));
  writer.set_uint32("general.alignment", 32);
  writer.set_uint32("general.quantization_version", 2);
  writer.set_uint32("general.file_type", file_type_id(type));
  writer.set_uint32(arch + ".context_length", shape.context_length);
  writer.set_uint32(arch + ".embedding_length", shape.d_model);
  writer.set_uint32(arch + ".block_count", shape.n_layers);
  writer.set_uint32(arch + ".feed_forward_length", shape.d_ff);
  writer.set_uint32(arch + ".attention.head_count", shape.n_heads);
  writer.set_uint32(arch + ".attention.head_count_kv", shape.n_kv_heads);
  writer.set_float32(arch + ".attention.layer_norm_rms_epsilon", shape.rms_epsilon);
  writer.set_uint32(arch + ".rope.dimension_count", shape.head_dim());
  writer.set_float32(arch + ".rope.freq_base", shape.rope_base);
  writer.set_uint32(arch + ".vocab_size", shape.n_vocab);
  if (shape.architecture == "phi3") {
    writer.set_uint32("phi3.rope.scaling.original_context_length", shape.context_length);
    writer.set_uint32("phi3.attention.sliding_window", 262144);
  } else {
    writer.set_uint32(arch + ".attention.key_length", shape.head_dim());
    writer.set_uint32(arch + ".attention.value_length", shape.head_dim());
  }
  SynthVocabulary vocabulary = synth_vocabulary(shape.n_vocab);
  writer.set_string("tokenizer.ggml.model", "llama");
  writer.set_string("tokenizer.ggml.pre", "default");
  writer.set_strings("tokenizer.ggml.tokens", std::move(vocabulary.tokens));
  writer.set_floats32("tokenizer.ggml.scores", std::move(vocabulary.scores));
  writer.set_ints32("tokenizer.ggml.token_type", std::move(vocabulary.types));
  writer.set_uint32("tokenizer.ggml.bos_token_id", 1);
  writer.set_uint32("tokenizer.ggml.eos_token_id", 2);
  writer.set_uint32("tokenizer.ggml.unknown_token_id", 0);
  writer.set_bool("tokenizer.ggml.add_bos_token", true);
  writer.set_bool("tokenizer.ggml.add_eos_token", false);
}

// Gives all blocks of a group the scale and the minimum of its first. `blocks`: whole groups.
void share_scales(std::span<std::byte> blocks, std::size_t group_size) {
  const auto& q4_1 = engine::info(TensorType::q4_1);
  const std::size_t group_bytes = group_size / q4_1.block_elements * q4_1.block_bytes;
  constexpr std::size_t kScales = 4;  // two F16 at the beginning of a block
  for (std::size_t at = 0; group_bytes > 0 && at < blocks.size(); at += q4_1.block_bytes) {
    std::memmove(&blocks[at], &blocks[at / group_bytes * group_bytes], kScales);
  }
}

Status check_group_size(const SynthShape& shape, const SynthOptions& options) {
  const std::uint32_t n = options.group_size;
  if (n == 0) return {};
  if (options.type != TensorType::q4_1) {
    return fail(ErrorCode::invalid_argument, "only Q4_1 can have a group size (--type q4_1)");
  }
  if (n % engine::info(options.type).block_elements != 0 || kChunkElements % n != 0 ||
      shape.d_model % n != 0 || shape.d_ff % n != 0) {
    return fail(ErrorCode::invalid_argument,
                fmt::format("group size {} does not suit rows of {} and {} columns; try 128", n,
                            shape.d_model, shape.d_ff));
  }
  return {};
}

// Streams random weights: a few chunks at a time are made in parallel, then written in order.
Status stream_weights(const WeightSource& source, const SynthOptions& options,
                      std::uint64_t tensor_number, const SynthTensor& tensor, std::size_t threads,
                      const GgufWriter::Sink& sink) {
  std::uint64_t n_elements = 1;
  for (const std::uint64_t extent : tensor.shape) n_elements *= extent;
  // Keeps the variance of activations through each matrix: σ = 1/√fan_in.
  const float sigma = 1.0F / std::sqrt(static_cast<float>(tensor.shape[0]));
  const std::uint64_t n_chunks = (n_elements + kChunkElements - 1) / kChunkElements;
  std::vector<std::vector<std::byte>> buffers(threads);
  for (std::uint64_t first = 0; first < n_chunks; first += threads) {
    if (interrupted()) return fail(ErrorCode::cancelled, "stopped; no file was written");
    const std::size_t n = std::min<std::uint64_t>(threads, n_chunks - first);
    parallel_for(n, threads, [&](std::size_t i) {
      const std::uint64_t start = (first + i) * kChunkElements;
      const std::uint64_t count = std::min(kChunkElements, n_elements - start);
      buffers[i].resize(engine::row_bytes(options.type, count).value_or(0));
      source.fill(tensor_number, first + i, sigma, buffers[i]);
      share_scales(buffers[i], options.group_size);
    });
    for (std::size_t i = 0; i < n; ++i) WATTLE_CHECK(sink(buffers[i]));
  }
  return {};
}

GgufWriter::Producer constant(std::vector<float> values) {
  return [values = std::move(values)](const GgufWriter::Sink& sink) {
    return sink(std::as_bytes(std::span(values)));
  };
}

}  // namespace

Result<SynthReport> synthesize(const SynthShape& shape, const std::filesystem::path& out,
                               const SynthOptions& options) {
  WATTLE_CHECK(check_group_size(shape, options));
  GgufWriter writer;
  set_metadata(writer, shape, options.type);
  const WeightSource source(options.type, options.seed);
  const std::size_t threads = worker_count(options.threads);
  SynthReport report;
  const std::vector<SynthTensor> tensors = synth_tensors(shape);
  for (const auto& tensor : tensors) {
    const std::uint64_t number = report.n_tensors++;
    std::uint64_t n_elements = 1;
    for (const std::uint64_t extent : tensor.shape) n_elements *= extent;
    report.n_parameters += n_elements;
    if (tensor.name == "rope_freqs.weight") {
      writer.add_tensor(tensor.name, TensorType::f32, tensor.shape,
                        constant(llama3_rope_factors(shape.head_dim(), shape.rope_base)));
    } else if (tensor.shape.size() == 1) {
      writer.add_tensor(tensor.name, TensorType::f32, tensor.shape,
                        constant(std::vector<float>(n_elements, 1.0F)));
    } else {
      writer.add_tensor(tensor.name, options.type, tensor.shape,
                        [&, number](const GgufWriter::Sink& sink) {
                          return stream_weights(source, options, number, tensor, threads, sink);
                        });
    }
  }
  WATTLE_CHECK(writer.write(out, [&](std::uint64_t done, std::uint64_t total) {
    report.file_bytes = total;
    if (options.on_progress) options.on_progress(done, total);
  }));
  return report;
}

}  // namespace wattle::compress
