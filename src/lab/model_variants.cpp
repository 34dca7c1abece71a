#include "lab/model_variants.hpp"

#include <fmt/format.h>

#include <map>
#include <set>
#include <span>

#include "base/sha256.hpp"
#include "compress/quantize.hpp"
#include "engine/model_files.hpp"
#include "engine/tokenizer_files.hpp"

namespace wattle::lab {
namespace {

engine::TensorType tensor_type(Precision precision) {
  if (precision == Precision::q8_0) return engine::TensorType::q8_0;
  if (precision == Precision::q4_0) return engine::TensorType::q4_0;
  return engine::TensorType::f16;
}

// What most of the bytes are in.
std::string main_precision(const engine::GgufFile& file) {
  std::map<std::string, std::uint64_t> bytes;
  for (const auto& tensor : file.tensors()) {
    bytes[std::string(engine::info(tensor.type).name)] += file.tensor_bytes(tensor).size();
  }
  std::string name = "unknown";
  std::uint64_t most = 0;
  for (const auto& [type, size] : bytes) {
    if (size <= most) continue;
    name = type;
    most = size;
  }
  return name;
}

Status read_header(ModelVariant& variant) {
  WATTLE_TRY(const engine::GgufFile file, engine::open_weights(variant.file));
  variant.precision = main_precision(file);
  WATTLE_TRY(const std::string architecture, file.require_string("general.architecture"));
  WATTLE_TRY(const auto n_layers, file.require_uint(architecture + ".block_count"));
  WATTLE_TRY(const auto context, file.require_uint(architecture + ".context_length"));
  variant.n_layers = static_cast<std::uint32_t>(n_layers);
  variant.context_length = static_cast<std::uint32_t>(context);
  variant.file_bytes = file.file_bytes();
  return {};
}

// Of a folder: of the names and hashes of its files, in the order of the names.
Result<std::string> sha256_model(const std::filesystem::path& path) {
  std::error_code error;
  if (!std::filesystem::is_directory(path, error)) return sha256_file(path);
  std::set<std::filesystem::path> files;
  for (const auto& entry : std::filesystem::directory_iterator(path, error)) {
    if (entry.is_regular_file(error)) files.insert(entry.path());
  }
  std::string list;
  for (const auto& file : files) {
    WATTLE_TRY(const std::string hash, sha256_file(file));
    list += fmt::format("{}  {}\n", hash, file.filename().string());
  }
  return sha256_hex(std::as_bytes(std::span(list)));
}

Result<std::filesystem::path> convert(const ModelVariant& source, Precision wanted,
                                      const PlanOptions& options) {
  const auto folder = options.cache.empty() ? default_cache_folder() : options.cache;
  auto target = folder / fmt::format("{}-{}-{}.gguf", source.file.stem().string(),
                                     source.sha256.substr(0, 16), precision_name(wanted));
  std::error_code error;
  if (std::filesystem::is_regular_file(target, error)) return target;
  if (!options.convert) return target;
  std::filesystem::create_directories(folder, error);
  if (error) return fail_errno(error.value(), "cannot create cache folder " + folder.string());
  if (options.on_step) {
    options.on_step(fmt::format("converting {} to {}", source.model, precision_name(wanted)));
  }
  compress::QuantizeOptions quantize;
  quantize.type = tensor_type(wanted);
  quantize.threads = options.threads;
  WATTLE_TRY(const auto report, compress::quantize_file(source.file, target, quantize));
  static_cast<void>(report);
  return target;
}

}  // namespace

Result<ModelVariant> prepare_variant(const ModelEntry& model, Precision wanted,
                                     const PlanOptions& options) {
  ModelVariant variant;
  variant.model = model.name;
  variant.wanted = wanted;
  variant.file = model.file;
  WATTLE_CHECK(read_header(variant));
  WATTLE_TRY(variant.sha256, sha256_model(variant.file));
  if (wanted == Precision::file) return variant;
  const std::string type(engine::info(tensor_type(wanted)).name);
  if (type == variant.precision) return variant;
  WATTLE_TRY(variant.file, convert(variant, wanted, options));
  std::error_code ignored;
  if (!options.convert && !std::filesystem::is_regular_file(variant.file, ignored)) {
    variant.precision = type;  // as it will be; --dry-run writes nothing
    variant.sha256.clear();
    return variant;
  }
  WATTLE_CHECK(read_header(variant));
  WATTLE_TRY(variant.sha256, sha256_model(variant.file));
  return variant;
}

Status check_prompts_fit(const ModelVariant& variant, const Suite& suite,
                         const std::filesystem::path& suite_file, std::uint32_t context) {
  WATTLE_TRY(const auto tokenizer, engine::open_tokenizer(variant.file));
  const std::uint32_t limit = context == 0 ? variant.context_length : context;
  for (const auto& prompt : suite.prompts) {
    const std::size_t n_tokens = tokenizer->encode(prompt.text, {}).size();
    if (n_tokens < limit) continue;
    return fail(ErrorCode::out_of_range,
                fmt::format("{}: prompt '{}' is {} tokens long, model {} has room for {}",
                            suite_file.string(), prompt.id, n_tokens, variant.model, limit),
                "Shorten the prompt, or choose a larger 'context' in the manifest.");
  }
  return {};
}

}  // namespace wattle::lab
