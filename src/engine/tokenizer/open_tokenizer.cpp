// open_tokenizer(): which kind of file it is, and what lies beside it.

#include <fmt/format.h>

#include <algorithm>
#include <system_error>

#include "base/atomic_file.hpp"
#include "base/mapped_file.hpp"
#include "engine/tokenizer_files.hpp"

namespace wattle::engine {
namespace {

namespace fs = std::filesystem;

constexpr std::size_t kLargestConfig = std::size_t{64} << 20;

Result<std::optional<NamedText>> read_if_there(const fs::path& path) {
  std::error_code ignored;
  if (!fs::exists(path, ignored)) return std::optional<NamedText>();
  WATTLE_TRY(auto text, read_file(path, kLargestConfig));
  return std::optional(NamedText{std::move(text), path.string()});
}

Result<SpecialTokenSettings> settings_beside(const fs::path& file) {
  const fs::path folder = file.parent_path();
  WATTLE_TRY(const auto tokenizer_config, read_if_there(folder / "tokenizer_config.json"));
  WATTLE_TRY(const auto generation_config, read_if_there(folder / "generation_config.json"));
  WATTLE_TRY(const auto config, read_if_there(folder / "config.json"));
  return read_special_token_settings(tokenizer_config, generation_config, config);
}

Result<fs::path> file_in(const fs::path& folder) {
  std::error_code ignored;
  for (const char* name : {"tokenizer.json", "tokenizer.model"}) {
    if (fs::exists(folder / name, ignored)) return folder / name;
  }
  return fail(ErrorCode::not_found,
              fmt::format("cannot read {}: it has neither tokenizer.json nor tokenizer.model",
                          folder.string()),
              "Name a GGUF file, or the folder of a Hugging Face model");
}

bool looks_like_json(std::string_view text) {
  const std::size_t first = text.find_first_not_of(" \t\r\n");
  return first != std::string_view::npos && text[first] == '{';
}

}  // namespace

Result<std::shared_ptr<const Tokenizer>> open_tokenizer(const fs::path& path) {
  std::error_code ignored;
  fs::path file = path;
  if (fs::is_directory(path, ignored)) {
    WATTLE_TRY(file, file_in(path));
  }
  WATTLE_TRY(const auto mapped, MappedFile::open(file));
  const auto bytes = mapped.bytes();
  const std::string_view text(reinterpret_cast<const char*>(bytes.data()), bytes.size());
  if (looks_like_json(text)) {
    WATTLE_TRY(const auto settings, settings_beside(file));
    return tokenizer_from_json(text, file.string(), settings);
  }
  if (file.extension() == ".model") {
    WATTLE_TRY(const auto settings, settings_beside(file));
    return tokenizer_from_sentencepiece(bytes, file.string(), settings);
  }
  WATTLE_TRY(const auto gguf, GgufFile::open(file));
  return Tokenizer::from_gguf(gguf);
}

}  // namespace wattle::engine
