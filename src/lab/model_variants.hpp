#pragma once

#include "base/result.hpp"
#include "lab/manifest.hpp"
#include "lab/plan.hpp"
#include "lab/suite.hpp"

namespace wattle::lab {

// The file for one model in one precision. `file`, and a precision the file already has, give the
// file itself; otherwise a conversion from the cache, made there first if need be. Its name carries
// the SHA-256 of the source and the type, so that a changed source is converted anew.
[[nodiscard]] Result<ModelVariant> prepare_variant(const ModelEntry& model, Precision wanted,
                                                   const PlanOptions& options);

// Every prompt of the suite leaves room for at least one token in `context` (0: the model's own).
[[nodiscard]] Status check_prompts_fit(const ModelVariant& variant, const Suite& suite,
                                       const std::filesystem::path& suite_file,
                                       std::uint32_t context);

}  // namespace wattle::lab
