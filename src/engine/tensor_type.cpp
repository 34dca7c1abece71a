#include "engine/tensor_type.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cctype>
#include <limits>
#include <string>

namespace wattle::engine {
namespace {

constexpr auto kSupported = std::to_array<TensorTypeInfo>({
    {TensorType::f32, "F32", 1, 4},
    {TensorType::f16, "F16", 1, 2},
    {TensorType::q4_0, "Q4_0", 32, 18},
    {TensorType::q4_1, "Q4_1", 32, 20},
    {TensorType::q5_0, "Q5_0", 32, 22},
    {TensorType::q5_1, "Q5_1", 32, 24},
    {TensorType::q8_0, "Q8_0", 32, 34},
    {TensorType::q2_k, "Q2_K", 256, 84},
    {TensorType::q3_k, "Q3_K", 256, 110},
    {TensorType::q4_k, "Q4_K", 256, 144},
    {TensorType::q5_k, "Q5_K", 256, 176},
    {TensorType::q6_k, "Q6_K", 256, 210},
    {TensorType::iq4_nl, "IQ4_NL", 32, 18},
    {TensorType::iq4_xs, "IQ4_XS", 256, 136},
    {TensorType::bf16, "BF16", 1, 2},
    {TensorType::mxfp4, "MXFP4", 32, 17},
});

struct KnownId {
  std::uint32_t id;
  std::string_view name;
  bool removed;  // the format itself has dropped it
};

// Ids of the format that Wattle does not read.
constexpr auto kUnsupported = std::to_array<KnownId>({
    {4, "Q4_2", true},        {5, "Q4_3", true},        {9, "Q8_1", false},
    {15, "Q8_K", false},      {16, "IQ2_XXS", false},   {17, "IQ2_XS", false},
    {18, "IQ3_XXS", false},   {19, "IQ1_S", false},     {21, "IQ3_S", false},
    {22, "IQ2_S", false},     {24, "I8", false},        {25, "I16", false},
    {26, "I32", false},       {27, "I64", false},       {28, "F64", false},
    {29, "IQ1_M", false},     {31, "Q4_0_4_4", true},   {32, "Q4_0_4_8", true},
    {33, "Q4_0_8_8", true},   {34, "TQ1_0", false},     {35, "TQ2_0", false},
    {36, "IQ4_NL_4_4", true}, {37, "IQ4_NL_4_8", true}, {38, "IQ4_NL_8_8", true},
});

bool same_ignoring_case(std::string_view a, std::string_view b) {
  return std::ranges::equal(
      a, b, [](unsigned char x, unsigned char y) { return std::tolower(x) == std::tolower(y); });
}

}  // namespace

Result<TensorTypeInfo> tensor_type_info(std::uint32_t type_id) {
  for (const auto& candidate : kSupported) {
    if (static_cast<std::uint32_t>(candidate.type) == type_id) return candidate;
  }
  const auto* known = std::ranges::find(kUnsupported, type_id, &KnownId::id);
  if (known == kUnsupported.end()) {
    return fail(ErrorCode::unsupported,
                fmt::format("tensor type {} is not one that the GGUF format defines", type_id),
                "The file is damaged or newer than Wattle: download it again, or as F16, Q8_0, "
                "Q4_K_M or Q4_0.");
  }
  return fail(
      ErrorCode::unsupported,
      fmt::format("tensor type {} ({}) {}", known->name, type_id,
                  known->removed ? "was removed from the GGUF format" : "is not supported yet"),
      "Use the same model as F16, Q8_0, Q4_K_M or Q4_0.");
}

const TensorTypeInfo& info(TensorType type) {
  const auto* found = std::ranges::find(kSupported, type, &TensorTypeInfo::type);
  return found == kSupported.end() ? kSupported.front() : *found;
}

bool is_block_type(TensorType type) {
  return info(type).block_elements > 1;
}

std::optional<TensorType> tensor_type_from_name(std::string_view name) {
  for (const auto& candidate : kSupported) {
    if (same_ignoring_case(candidate.name, name)) return candidate.type;
  }
  return std::nullopt;
}

Result<std::size_t> row_bytes(TensorType type, std::uint64_t n_elements) {
  const TensorTypeInfo& layout = info(type);
  if (n_elements % layout.block_elements != 0) {
    return fail(ErrorCode::invalid_format,
                fmt::format("a row of {} elements is not a whole number of {} blocks of {}",
                            n_elements, layout.name, layout.block_elements),
                "Keep this tensor in F16.");
  }
  const std::uint64_t n_blocks = n_elements / layout.block_elements;
  if (n_blocks > std::numeric_limits<std::size_t>::max() / layout.block_bytes) {
    return fail(
        ErrorCode::invalid_format,
        fmt::format("a row of {} {} elements is larger than any memory", n_elements, layout.name),
        "The file is damaged: download it again.");
  }
  return static_cast<std::size_t>(n_blocks) * layout.block_bytes;
}

}  // namespace wattle::engine
