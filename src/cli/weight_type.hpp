#pragma once
// The weight types a command line may name.

#include <string>

#include "base/result.hpp"
#include "engine/quant.hpp"
#include "engine/tensor_type.hpp"

namespace wattle::cli {

[[nodiscard]] inline std::string weight_type_names() {
  return "q4_0, q4_1, q4_k, q5_0, q5_1, q6_k, q8_0, f16, bf16, f32";
}

[[nodiscard]] inline Result<engine::TensorType> parse_weight_type(const std::string& name) {
  const auto type = engine::tensor_type_from_name(name);
  if (type && engine::can_quantize(*type)) return *type;
  if (type) {
    return fail(ErrorCode::invalid_argument,
                name + " is a type that Wattle reads and does not write",
                "Choose one of " + weight_type_names() + ".");
  }
  return fail(ErrorCode::invalid_argument, "there is no weight type '" + name + "'",
              "Choose one of " + weight_type_names() + ".");
}

}  // namespace wattle::cli
