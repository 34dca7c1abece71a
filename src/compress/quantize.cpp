#include "compress/quantize.hpp"

#include <fmt/format.h>
#include <fnmatch.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <map>
#include <memory>
#include <span>
#include <string_view>
#include <utility>

#include "base/interrupt.hpp"
#include "compress/model_source.hpp"
#include "compress/parallel.hpp"
#include "engine/gguf_writer.hpp"
#include "engine/quant.hpp"

namespace wattle::compress {
namespace {

using engine::GgufFile;
using engine::GgufWriter;
using engine::TensorInfo;
using engine::TensorType;

constexpr std::size_t kPieceElements = std::size_t{1} << 18;
// So many are converted before the results are written in order: where other processes share the
// cores, a thread that is held up does not make the others wait after every piece.
constexpr std::size_t kPiecesPerThread = 8;

using engine::is_block_type;

// "blk.12.attn_q.weight" → "blk.N.attn_q.weight"
std::string role_of(const std::string& name) {
  if (!name.starts_with("blk.")) return name;
  const std::size_t dot = name.find('.', 4);
  return dot == std::string::npos ? name : "blk.N" + name.substr(dot);
}

struct ErrorSums {
  double squared_error = 0.0;
  double squared_weight = 0.0;
};

// One piece of a row (or several whole rows): old bytes in, new bytes out.
struct Piece {
  std::span<const std::byte> in;
  std::vector<std::byte> out;
  ErrorSums sums;
};

void convert(TensorType from, TensorType to, std::size_t n_elements, Piece& piece) {
  std::vector<float> before(n_elements);
  std::vector<float> after(n_elements);
  engine::dequantize_row(from, piece.in, before);
  engine::quantize_row(to, before, piece.out);
  engine::dequantize_row(to, piece.out, after);
  for (std::size_t i = 0; i < n_elements; ++i) {
    const double weight = before[i];
    const double error = static_cast<double>(after[i]) - weight;
    piece.sums.squared_error += error * error;
    piece.sums.squared_weight += weight * weight;
  }
}

// Streams one tensor through the conversion. Rows are whole numbers of blocks and pieces are cut at
// block borders, so pieces are independent and the result does not depend on the threads.
class TensorConversion {
 public:
  TensorConversion(const ModelSource& source, const TensorInfo& tensor, TensorType to, int threads)
      : source_(source), tensor_(tensor), to_(to), threads_(worker_count(threads)) {}

  Status run(const GgufWriter::Sink& sink, ErrorSums& sums) {
    std::span<const std::byte> bytes = source_.file.tensor_bytes(tensor_);
    std::vector<std::byte> paired;
    if (source_.pairs_rows && is_rotated(tensor_)) {
      const bool is_matrix = tensor_.shape.size() > 1;
      WATTLE_TRY(const std::size_t row_bytes,
                 engine::row_bytes(tensor_.type, is_matrix ? tensor_.shape[0] : 1));
      bytes = paired = paired_rows(bytes, row_bytes, source_.head_dim, source_.rope_dims);
    }
    if (to_ == tensor_.type) return copy(bytes, sink);
    std::vector<Piece> pieces(threads_ * kPiecesPerThread);
    for (std::uint64_t start = 0; start < tensor_.n_elements;) {
      WATTLE_CHECK(stop_if_interrupted());
      std::size_t n_pieces = 0;
      std::vector<std::size_t> counts(pieces.size());
      for (; n_pieces < pieces.size() && start < tensor_.n_elements; ++n_pieces) {
        const std::size_t n = std::min<std::uint64_t>(kPieceElements, tensor_.n_elements - start);
        counts[n_pieces] = n;
        pieces[n_pieces].in = bytes.subspan(size_in(tensor_.type, start), size_in(tensor_.type, n));
        pieces[n_pieces].out.resize(size_in(to_, n));
        pieces[n_pieces].sums = {};
        start += n;
      }
      parallel_for(n_pieces, threads_,
                   [&](std::size_t i) { convert(tensor_.type, to_, counts[i], pieces[i]); });
      for (std::size_t i = 0; i < n_pieces; ++i) {
        sums.squared_error += pieces[i].sums.squared_error;
        sums.squared_weight += pieces[i].sums.squared_weight;
        WATTLE_CHECK(check_finite(sums));
        WATTLE_CHECK(sink(pieces[i].out));
      }
    }
    return {};
  }

 private:
  static std::size_t size_in(TensorType type, std::uint64_t n_elements) {
    const auto& layout = engine::info(type);
    return static_cast<std::size_t>(n_elements) / layout.block_elements * layout.block_bytes;
  }

  static Status stop_if_interrupted() {
    if (!interrupted()) return {};
    return fail(ErrorCode::cancelled, "stopped; no file was written");
  }

  static Status copy(std::span<const std::byte> bytes, const GgufWriter::Sink& sink) {
    constexpr std::size_t kCopyBytes = std::size_t{4} << 20;
    while (!bytes.empty()) {
      WATTLE_CHECK(stop_if_interrupted());
      const std::size_t n = std::min(kCopyBytes, bytes.size());
      WATTLE_CHECK(sink(bytes.first(n)));
      bytes = bytes.subspan(n);
    }
    return {};
  }

  [[nodiscard]] Status check_finite(const ErrorSums& sums) const {
    if (!std::isfinite(sums.squared_weight)) {
      return fail(ErrorCode::invalid_format,
                  fmt::format("cannot quantise {}: tensor '{}' holds values that are not finite",
                              source_.file.source(), tensor_.name),
                  "The model is damaged: download or train it again.");
    }
    if (!std::isfinite(sums.squared_error)) {
      return fail(ErrorCode::out_of_range,
                  fmt::format("cannot quantise {}: tensor '{}' holds values too large for {}",
                              source_.file.source(), tensor_.name, engine::info(to_).name),
                  "Choose bf16 or f32.");
    }
    return {};
  }

  const ModelSource& source_;
  const TensorInfo& tensor_;
  TensorType to_;
  std::size_t threads_;
};

RoleReport& report_for(QuantizeReport& report, const TensorInfo& tensor, TensorType to) {
  const std::string role = role_of(tensor.name);
  for (auto& entry : report.roles) {
    if (entry.role == role && entry.from == tensor.type && entry.to == to) return entry;
  }
  RoleReport entry;
  entry.role = role;
  entry.from = tensor.type;
  entry.to = to;
  return report.roles.emplace_back(std::move(entry));
}

bool matches(const TypeRule& rule, const TensorInfo& tensor) {
  return ::fnmatch(rule.pattern.c_str(), tensor.name.c_str(), 0) == 0;
}

TensorType wanted_type(const TensorInfo& tensor, const QuantizeOptions& options) {
  const auto rule = std::ranges::find_if(
      options.rules, [&](const TypeRule& candidate) { return matches(candidate, tensor); });
  return rule == options.rules.end() ? options.type.value_or(tensor.type) : rule->type;
}

TensorType written_type(const ModelSource& source, const TensorInfo& tensor,
                        const QuantizeOptions& options) {
  if (source.is_folder && !is_quantizable(tensor)) return TensorType::f32;
  return target_type(tensor, wanted_type(tensor, options));
}

// The type that most weights have.
TensorType main_type(const ModelSource& source, const QuantizeOptions& options) {
  if (options.type) return *options.type;
  std::map<TensorType, std::uint64_t> n_elements;
  for (const TensorInfo& tensor : source.file.tensors()) {
    n_elements[written_type(source, tensor, options)] += tensor.n_elements;
  }
  return std::ranges::max_element(n_elements, {}, [](const auto& entry) { return entry.second; })
      ->first;
}

Status check_types(const GgufFile& file, const QuantizeOptions& options) {
  const auto writable = [](TensorType type) -> Status {
    if (engine::can_quantize(type)) return {};
    return fail(ErrorCode::invalid_argument,
                fmt::format("Wattle reads {} and does not write it", engine::info(type).name),
                "Choose q8_0, q6_k, q5_0, q5_1, q4_k, q4_0, q4_1, f16, bf16 or f32.");
  };
  if (options.type) WATTLE_CHECK(writable(*options.type));
  for (const TypeRule& rule : options.rules) {
    WATTLE_CHECK(writable(rule.type));
    if (std::ranges::none_of(file.tensors(), [&](const TensorInfo& tensor) {
          return is_quantizable(tensor) && matches(rule, tensor);
        })) {
      return fail(ErrorCode::invalid_argument,
                  fmt::format("no matrix of {} is called '{}'", file.source(), rule.pattern),
                  "See the names with `wattle inspect`; * stands for any text.");
    }
  }
  return {};
}

Status refuse_same_file(const std::filesystem::path& in, const std::filesystem::path& out) {
  std::error_code ignored;
  if (!std::filesystem::equivalent(in, out, ignored)) return {};
  return fail(ErrorCode::invalid_argument,
              fmt::format("cannot quantise {} onto itself", in.string()),
              "Give the new file another name.");
}

}  // namespace

bool is_quantizable(const TensorInfo& tensor) {
  const std::string_view name = tensor.name;
  const bool is_matrix = std::ranges::count_if(tensor.shape, [](auto n) { return n > 1; }) >= 2;
  const bool is_small_and_sensitive = name.ends_with("_norm.weight") ||
                                      name.ends_with("ffn_gate_inp.weight") ||
                                      name.starts_with("rope_");
  return is_matrix && !is_small_and_sensitive && name.ends_with(".weight");
}

TensorType target_type(const TensorInfo& tensor, TensorType wanted) {
  if (!is_quantizable(tensor)) return tensor.type;
  const auto fits = [&](TensorType type) {
    return tensor.shape[0] % engine::info(type).block_elements == 0;
  };
  if (fits(wanted)) return wanted;
  const TensorType smaller = wanted == TensorType::q4_k   ? TensorType::q5_0
                             : wanted == TensorType::q6_k ? TensorType::q8_0
                                                          : TensorType::f16;
  return fits(smaller) ? smaller : TensorType::f16;
}

std::uint32_t file_type_id(TensorType type) {
  struct Id {
    TensorType type;
    std::uint32_t id;
  };
  constexpr auto kIds = std::to_array<Id>({{TensorType::f32, 0},
                                           {TensorType::f16, 1},
                                           {TensorType::q4_0, 2},
                                           {TensorType::q4_1, 3},
                                           {TensorType::q8_0, 7},
                                           {TensorType::q5_0, 8},
                                           {TensorType::q5_1, 9},
                                           {TensorType::q4_k, 14},
                                           {TensorType::q6_k, 18},
                                           {TensorType::bf16, 32}});
  const auto* found = std::ranges::find(kIds, type, &Id::type);
  return found == kIds.end() ? 0 : found->id;
}

Result<QuantizeReport> quantize_file(const std::filesystem::path& in,
                                     const std::filesystem::path& out,
                                     const QuantizeOptions& options) {
  WATTLE_CHECK(refuse_same_file(in, out));
  WATTLE_TRY(const ModelSource source, open_source(in));
  const GgufFile& file = source.file;
  if (file.tensors().empty()) {
    return fail(
        ErrorCode::invalid_argument,
        fmt::format("cannot quantise {}: it holds a vocabulary but no weights", in.string()),
        "Name the file of a whole model.");
  }

  WATTLE_CHECK(check_types(file, options));
  GgufWriter writer;
  for (const auto& [key, value] : source.keys) writer.set(key, value);
  writer.set_uint32("general.quantization_version", 2);
  writer.set_uint32("general.file_type", file_type_id(main_type(source, options)));

  QuantizeReport report;
  report.file_bytes_before = file.file_bytes();
  for (const auto& tensor : file.tensors()) {
    const TensorType to = written_type(source, tensor, options);
    if (to != tensor.type && is_block_type(tensor.type)) report.was_quantized = true;
    writer.add_tensor(
        tensor.name, to, tensor.shape, [&, to](const GgufWriter::Sink& sink) -> Status {
          ErrorSums sums;
          WATTLE_CHECK(TensorConversion(source, tensor, to, options.threads).run(sink, sums));
          RoleReport& role = report_for(report, tensor, to);
          role.n_tensors += 1;
          role.n_elements += tensor.n_elements;
          role.bytes_before += tensor.n_bytes;
          role.bytes_after += engine::row_bytes(to, tensor.n_elements).value_or(0);
          role.rms_error += sums.squared_error;
          role.rms_weight += sums.squared_weight;
          return {};
        });
  }
  WATTLE_CHECK(writer.write(out, [&](std::uint64_t done, std::uint64_t total) {
    report.file_bytes_after = total;
    if (options.on_progress) options.on_progress(done, total);
  }));
  for (auto& role : report.roles) {
    role.rms_error = std::sqrt(role.rms_error / static_cast<double>(role.n_elements));
    role.rms_weight = std::sqrt(role.rms_weight / static_cast<double>(role.n_elements));
  }
  return report;
}

}  // namespace wattle::compress
