#include "engine/transformer.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>
#include <sys/mman.h>
#include <unistd.h>

#include <algorithm>
#include <cmath>
#include <map>
#include <set>

#include "base/cpu_budget.hpp"
#include "engine/config.hpp"
#include "engine/hf/hf_folder.hpp"
#include "engine/kernels/isa.hpp"
#include "engine/model_files.hpp"
#include "engine/quant.hpp"

namespace wattle::engine {
namespace {

constexpr int kMaxThreads = 1024;

int choose_decode_threads(int wanted, int threads) {
  constexpr int kSaturate = 4;
  if (wanted > 0) return std::min(wanted, threads);
  return threads <= kSaturate ? threads : std::max(kSaturate, threads / 2);
}

// The pages of a tensor that now exists as a packed copy leave this process (not the page cache).
void release_pages(std::span<const std::byte> bytes) {
  const auto page = static_cast<std::uintptr_t>(sysconf(_SC_PAGESIZE));
  const auto begin = (reinterpret_cast<std::uintptr_t>(bytes.data()) + page - 1) / page * page;
  const auto end = (reinterpret_cast<std::uintptr_t>(bytes.data()) + bytes.size()) / page * page;
  if (begin < end) {
    // NOLINTNEXTLINE(performance-no-int-to-ptr): page arithmetic
    ::madvise(reinterpret_cast<void*>(begin), end - begin, MADV_DONTNEED);
  }
}

Arithmetic arithmetic_of(const Transformer& model, TensorType type) {
  const Repack repack = model.repack();
  if (can_pack(type)) return repack == Repack::none ? Arithmetic::f32 : Arithmetic::int8;
  const bool i16 =
      repack == Repack::all && can_pack_i16(*model.compute().kernels, type, model.config().d_model);
  return i16 ? Arithmetic::int16 : Arithmetic::f32;
}

}  // namespace

class TransformerLoader {
 public:
  explicit TransformerLoader(Transformer& model)
      : model_(model), config_(model.config_), architecture_(*model.architecture_) {}

  Status load_weights() {
    Weights& weights = model_.weights_;
    WATTLE_CHECK(reserve_packed());
    const std::uint64_t d = config_.d_model;
    WATTLE_CHECK(matrix("token_embd.weight", config_.n_vocab, d, false, weights.embedding));
    WATTLE_CHECK(norm("output_norm", weights.output_norm));
    WATTLE_CHECK(matrix(config_.tied_output ? "token_embd.weight" : "output.weight",
                        config_.n_vocab, d, true, weights.output));
    for (std::uint32_t i = 0; i < config_.n_layers; ++i) {
      weights.layers.emplace_back();
      WATTLE_CHECK(layer(i, weights.layers.back()));
    }
    WATTLE_CHECK(rope());
    return refuse_unknown_tensors();
  }

 private:
  Status layer(std::uint32_t index, LayerWeights& layer) {
    const std::uint64_t d = config_.d_model;
    const std::uint64_t d_q = std::uint64_t{config_.n_heads} * config_.head_dim;
    const std::string prefix = fmt::format("blk.{}.", index);
    WATTLE_CHECK(norm(prefix + "attn_norm", layer.attention_norm));
    WATTLE_CHECK(queries_keys_values(prefix, layer));
    WATTLE_CHECK(matrix(prefix + "attn_output.weight", d, d_q, true, layer.attention_out));
    WATTLE_CHECK(norm(prefix + "ffn_norm", layer.ffn_norm));
    if (architecture_.post_norms) {
      WATTLE_CHECK(vector(prefix + "post_attention_norm.weight", d, layer.post_attention_norm));
      WATTLE_CHECK(vector(prefix + "post_ffw_norm.weight", d, layer.post_ffn_norm));
    }
    if (architecture_.fused_gate_up) {
      WATTLE_CHECK(stacked(prefix + "ffn_up.weight", d,
                           {{&layer.gate, config_.d_ff}, {&layer.up, config_.d_ff}}));
    } else {
      WATTLE_CHECK(matrix(prefix + "ffn_gate.weight", config_.d_ff, d, true, layer.gate));
      WATTLE_CHECK(matrix(prefix + "ffn_up.weight", config_.d_ff, d, true, layer.up));
    }
    return matrix(prefix + "ffn_down.weight", d, config_.d_ff, true, layer.down);
  }

  Status queries_keys_values(const std::string& prefix, LayerWeights& layer) {
    const std::uint64_t d = config_.d_model;
    const std::uint64_t d_q = std::uint64_t{config_.n_heads} * config_.head_dim;
    const std::uint64_t d_kv = std::uint64_t{config_.n_kv_heads} * config_.head_dim;
    if (architecture_.fused_qkv) {
      WATTLE_CHECK(stacked(prefix + "attn_qkv.weight", d,
                           {{&layer.q, d_q}, {&layer.k, d_kv}, {&layer.v, d_kv}}));
    } else {
      WATTLE_CHECK(matrix(prefix + "attn_q.weight", d_q, d, true, layer.q));
      WATTLE_CHECK(matrix(prefix + "attn_k.weight", d_kv, d, true, layer.k));
      WATTLE_CHECK(matrix(prefix + "attn_v.weight", d_kv, d, true, layer.v));
      WATTLE_CHECK(vector_if_there(prefix + "attn_q.bias", d_q, layer.q_bias));
      WATTLE_CHECK(vector_if_there(prefix + "attn_k.bias", d_kv, layer.k_bias));
      WATTLE_CHECK(vector_if_there(prefix + "attn_v.bias", d_kv, layer.v_bias));
    }
    if (!architecture_.head_norms) return {};
    WATTLE_CHECK(vector(prefix + "attn_q_norm.weight", config_.head_dim, layer.q_norm));
    return vector(prefix + "attn_k_norm.weight", config_.head_dim, layer.k_norm);
  }

  // `name` without ".weight"
  Status norm(const std::string& name, NormWeights& out) {
    WATTLE_CHECK(vector(name + ".weight", config_.d_model, out.weight));
    if (architecture_.norm == Architecture::Norm::rms) return {};
    return vector(name + ".bias", config_.d_model, out.bias);
  }

  Result<const TensorInfo*> find(const std::string& name, const std::vector<std::uint64_t>& shape) {
    used_.insert(name);
    const TensorInfo* tensor = model_.file_.find_tensor(name);
    if (tensor == nullptr) {
      return fail(
          ErrorCode::invalid_format,
          fmt::format("cannot load {}: tensor '{}' is missing", model_.file_.source(), name),
          "The file holds no complete model; convert it again.");
    }
    if (tensor->shape != shape) {
      return fail(
          ErrorCode::invalid_format,
          fmt::format("cannot load {}: tensor '{}' has shape [{}], but the keys of the file "
                      "ask for [{}]",
                      model_.file_.source(), name, fmt::join(tensor->shape, ", "),
                      fmt::join(shape, ", ")),
          "The file is damaged or was converted wrongly: convert it again.");
    }
    return tensor;
  }

  Status vector(const std::string& name, std::uint64_t n, std::vector<float>& out) {
    WATTLE_TRY(const TensorInfo* tensor, find(name, {n}));
    out.resize(n);
    dequantize_row(tensor->type, model_.file_.tensor_bytes(*tensor), out);
    return {};
  }

  Status vector_if_there(const std::string& name, std::uint64_t n, std::vector<float>& out) {
    if (model_.file_.find_tensor(name) == nullptr) return {};
    return vector(name, n, out);
  }

  Status matrix(const std::string& name, std::uint64_t n_rows, std::uint64_t n_cols, bool may_pack,
                Matrix& out) {
    WATTLE_TRY(const TensorInfo* tensor, find(name, {n_cols, n_rows}));
    return rows_of(*tensor, 0, n_rows, may_pack, out);
  }

  struct Part {
    Matrix* matrix;
    std::uint64_t n_rows;
  };
  // One tensor that holds the rows of several matrices.
  Status stacked(const std::string& name, std::uint64_t n_cols, const std::vector<Part>& parts) {
    std::uint64_t total = 0;
    for (const Part& part : parts) total += part.n_rows;
    WATTLE_TRY(const TensorInfo* tensor, find(name, {n_cols, total}));
    std::uint64_t first = 0;
    for (const Part& part : parts) {
      WATTLE_CHECK(rows_of(*tensor, first, part.n_rows, true, *part.matrix));
      first += part.n_rows;
    }
    return {};
  }

  Status rows_of(const TensorInfo& tensor, std::uint64_t first, std::uint64_t n_rows, bool may_pack,
                 Matrix& out) {
    out.type = tensor.type;
    out.n_rows = n_rows;
    out.n_cols = tensor.shape[0];
    WATTLE_TRY(out.row_bytes, row_bytes(tensor.type, out.n_cols));
    const auto bytes =
        model_.file_.tensor_bytes(tensor).subspan(first * out.row_bytes, out.bytes());
    out.rows = bytes.data();
    const std::size_t room = may_pack ? room_for(out.type, n_rows, out.n_cols) : 0;
    if (room == 0) return {};
    std::byte* memory = model_.packed_.data() + packed_;
    if (can_pack(out.type)) {
      pack(out, memory, *model_.pool_);
    } else {
      pack_i16(model_.compute_, out, memory);
    }
    packed_ += room;
    release_pages(bytes);
    return {};
  }

  // Bytes of a packed copy; 0: there is none.
  [[nodiscard]] std::size_t room_for(TensorType type, std::size_t n_rows,
                                     std::size_t n_cols) const {
    if (model_.repack_ == Repack::none) return 0;
    if (can_pack(type)) return packed_bytes(type, n_rows, n_cols);
    const bool i16 =
        model_.repack_ == Repack::all && can_pack_i16(*model_.compute_.kernels, type, n_cols);
    return i16 ? packed_bytes_i16(n_rows, n_cols) : 0;
  }

  // Room for every matrix of the file that may be packed. (A tied embedding is packed once, as the
  // output; an untied one is not, and its share is never touched.)
  Status reserve_packed() {
    std::size_t bytes = 0;
    for (const TensorInfo& tensor : model_.file_.tensors()) {
      if (tensor.shape.size() != 2) continue;
      bytes += room_for(tensor.type, tensor.shape[1], tensor.shape[0]);
      if (tensor.name.ends_with("attn_qkv.weight") || tensor.name.ends_with("ffn_up.weight")) {
        bytes += 2 * room_for(tensor.type, kRowGroup, tensor.shape[0]);  // parts are padded
      }
    }
    WATTLE_TRY(model_.packed_,
               Buffer::create(
                   bytes, "weights",
                   "Use a smaller model or a more quantised file, or leave it in place and slow "
                   "(--repack none)."));
    return {};
  }

  // Llama 3.x: a frequency is divided by its factor in rope_freqs.weight. Longrope has two sets of
  // factors, for contexts up to the original length and beyond.
  Status rope() {
    std::vector<float> factors(config_.rope_dims / 2, 1.0F);
    if (model_.file_.find_tensor("rope_factors_long.weight") == nullptr) {
      WATTLE_CHECK(vector_if_there("rope_freqs.weight", factors.size(), factors));
      WATTLE_CHECK(frequencies("rope_freqs.weight", factors, model_.rope_));
      model_.long_rope_ = model_.rope_;
      return {};
    }
    WATTLE_CHECK(vector("rope_factors_short.weight", factors.size(), factors));
    WATTLE_CHECK(frequencies("rope_factors_short.weight", factors, model_.rope_));
    WATTLE_CHECK(vector("rope_factors_long.weight", factors.size(), factors));
    return frequencies("rope_factors_long.weight", factors, model_.long_rope_);
  }

  // `name`: of the factors, for errors
  Status frequencies(const std::string& name, const std::vector<float>& factors,
                     std::vector<double>& out) {
    for (std::size_t i = 0; i < factors.size(); ++i) {
      const double exponent = -2.0 * static_cast<double>(i) / config_.rope_dims;
      const double factor =
          static_cast<double>(factors[i]) * static_cast<double>(config_.rope_linear_scale);
      if (!std::isfinite(factor) || factor <= 0.0) {
        return fail(
            ErrorCode::invalid_format,
            fmt::format("cannot load {}: {}[{}] is {}", model_.file_.source(), name, i, factors[i]),
            "Factors must be positive; convert the file again.");
      }
      out.push_back(std::pow(static_cast<double>(config_.rope_base), exponent) / factor);
    }
    return {};
  }

  // A tensor that is not used means a model that is not understood: its answers would be wrong.
  Status refuse_unknown_tensors() {
    for (const TensorInfo& tensor : model_.file_.tensors()) {
      if (used_.contains(tensor.name)) continue;
      return fail(ErrorCode::unsupported,
                  fmt::format("cannot load {}: tensor '{}' is not part of a {} model as supported "
                              "here",
                              model_.file_.source(), tensor.name, config_.architecture),
                  "Use a model of the plain architecture.");
    }
    return {};
  }

  Transformer& model_;
  const ModelConfig& config_;
  const Architecture& architecture_;
  std::size_t packed_ = 0;  // bytes of model_.packed_ that are taken
  std::set<std::string> used_;
};

// The embedding of a folder may have more rows than there are tokens (padding); a GGUF file names
// every row.
Status Transformer::check_vocabulary_size(const Transformer& model) {
  const std::size_t n_tokens = model.tokenizer_->vocab_size();
  const std::size_t n_rows = model.config_.n_vocab;
  if (n_tokens == n_rows || (n_tokens < n_rows && is_hf_folder(model.path_))) return {};
  return fail(ErrorCode::invalid_format,
              fmt::format("cannot load {}: the vocabulary has {} tokens, 'token_embd.weight' has "
                          "{} rows",
                          model.path_.string(), n_tokens, n_rows),
              "The file is damaged or was converted wrongly: convert it again.");
}

Result<std::shared_ptr<const Transformer>> Transformer::load(const std::filesystem::path& path,
                                                             const LoadOptions& options) {
  for (const int threads : {options.threads, options.decode_threads}) {
    if (threads >= 0 && threads <= kMaxThreads) continue;
    return fail(ErrorCode::invalid_argument, fmt::format("{} threads were asked for", threads),
                fmt::format("Use 1 to {}, or 0 for the cores this process may use.", kMaxThreads));
  }
  WATTLE_TRY(const Isa isa, choose_isa());
  auto model = std::make_shared<Transformer>();
  model->path_ = path;
  WATTLE_TRY(ModelFiles files, open_model_files(path));
  model->file_ = std::move(files.weights);
  model->tokenizer_ = std::move(files.tokenizer);
  model->exact_ = options.exact;
  model->repack_ = options.exact ? Repack::none : options.repack;
  WATTLE_TRY(model->config_, read_config(model->file_));
  model->architecture_ = find_architecture(model->config_.architecture);
  WATTLE_CHECK(check_vocabulary_size(*model));
  model->pool_ = std::make_unique<ThreadPool>(options.threads == 0 ? allowed_physical_cores()
                                                                   : options.threads);
  model->compute_ = {&kernels_for(isa), model->pool_.get(),
                     choose_decode_threads(options.decode_threads, model->pool_->threads())};
  WATTLE_CHECK(TransformerLoader(*model).load_weights());
  std::map<TensorType, std::uint64_t> bytes_of;
  for (const TensorInfo& tensor : model->file_.tensors()) bytes_of[tensor.type] += tensor.n_bytes;
  std::uint64_t most = 0;
  for (const auto& [type, bytes] : bytes_of) {
    if (bytes <= most) continue;
    most = bytes;
    model->precision_ = info(type).name;
    model->arithmetic_ = arithmetic_of(*model, type);
  }
  return model;
}

std::vector<std::span<const std::byte>> Transformer::weight_memory() const {
  std::vector<std::span<const std::byte>> memory;
  for (const LayerWeights& l : weights_.layers) {
    for (const Matrix* m : {&l.q, &l.k, &l.v, &l.attention_out, &l.gate, &l.up, &l.down}) {
      memory.push_back(streamed(*m));
    }
  }
  memory.push_back(streamed(weights_.output));
  return memory;
}

std::uint64_t Transformer::bytes_per_token(std::uint32_t exit_layer) const {
  const std::size_t n = exit_layer == 0 ? weights_.layers.size()
                                        : std::min<std::size_t>(exit_layer, weights_.layers.size());
  std::uint64_t bytes = weights_.embedding.row_bytes + weights_.output.streamed_bytes() +
                        config_.d_model * sizeof(float);
  for (std::size_t i = 0; i < n; ++i) {
    const LayerWeights& l = weights_.layers[i];
    for (const Matrix* m : {&l.q, &l.k, &l.v, &l.attention_out, &l.gate, &l.up, &l.down}) {
      bytes += m->streamed_bytes();
    }
    bytes += 2 * std::uint64_t{config_.d_model} * sizeof(float);
  }
  return bytes;
}

Result<std::shared_ptr<const Model>> Model::load(const std::filesystem::path& path,
                                                 const LoadOptions& options) {
  WATTLE_TRY(auto model, Transformer::load(path, options));
  return std::shared_ptr<const Model>(std::move(model));
}

}  // namespace wattle::engine
