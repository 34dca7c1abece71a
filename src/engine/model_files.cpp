#include "engine/model_files.hpp"

#include <fmt/format.h>

#include <system_error>

#include "engine/hf/hf_folder.hpp"
#include "engine/tokenizer_files.hpp"

namespace wattle::engine {

Result<GgufFile> open_weights(const std::filesystem::path& path) {
  if (is_hf_folder(path)) return open_hf_folder(path);
  std::error_code ignored;
  if (std::filesystem::is_directory(path, ignored)) {
    return fail(ErrorCode::invalid_argument,
                fmt::format("cannot load {}: it is a folder without config.json", path.string()),
                "Name a GGUF file, or the folder of a Hugging Face model with all its files.");
  }
  return GgufFile::open(path);
}

Result<ModelFiles> open_model_files(const std::filesystem::path& path) {
  ModelFiles files;
  WATTLE_TRY(files.weights, open_weights(path));
  if (is_hf_folder(path)) {
    WATTLE_TRY(files.tokenizer, open_tokenizer(path));
  } else {
    WATTLE_TRY(files.tokenizer, Tokenizer::from_gguf(files.weights));
  }
  return files;
}

}  // namespace wattle::engine
