#include "learn/platform/torch/checkpoint.hpp"

#include <fmt/format.h>

#include <cstring>
#include <span>

#include "base/atomic_file.hpp"

namespace wattle::learn {
namespace {
constexpr std::string_view kMagic = "WATTLE-CHECKPOINT-1\n";

std::span<const std::byte> bytes_of(const torch::Tensor& tensor) {
  return std::as_bytes(
      std::span(tensor.data_ptr<float>(), static_cast<std::size_t>(tensor.numel())));
}

std::unexpected<Error> malformed(const std::filesystem::path& file, const std::string& why) {
  return fail(ErrorCode::invalid_format,
              fmt::format("cannot resume from {}: {}", file.string(), why),
              "delete the file to start anew");
}
}  // namespace

std::filesystem::path checkpoint_file(const std::filesystem::path& folder) {
  return folder / "latest.checkpoint";
}

Status save_checkpoint(const std::filesystem::path& folder, Json header,
                       const NamedTensors& tensors) {
  std::error_code error;
  std::filesystem::create_directories(folder, error);
  if (error) return fail_errno(error.value(), "cannot create " + folder.string());
  Json list = Json::array();
  for (const auto& [name, tensor] : tensors)
    list.push_back({{"name", name}, {"n", tensor.numel()}});
  header["tensors"] = std::move(list);
  const std::string text = dump_json(header);
  const std::uint64_t length = text.size();
  WATTLE_TRY(AtomicFile file, AtomicFile::create(checkpoint_file(folder)));
  WATTLE_CHECK(file.write(kMagic));
  WATTLE_CHECK(file.write(std::as_bytes(std::span(&length, 1))));
  WATTLE_CHECK(file.write(text));
  for (const auto& [name, tensor] : tensors) WATTLE_CHECK(file.write(bytes_of(tensor)));
  return file.commit();
}

Result<Checkpoint> read_checkpoint(const std::filesystem::path& folder) {
  const auto path = checkpoint_file(folder);
  WATTLE_TRY(std::string bytes, read_file(path));
  std::uint64_t length = 0;
  const std::size_t head = kMagic.size() + sizeof(length);
  if (bytes.size() < head || !bytes.starts_with(kMagic)) return malformed(path, "not a checkpoint");
  std::memcpy(&length, bytes.data() + kMagic.size(), sizeof(length));
  if (length > bytes.size() - head) return malformed(path, "the file is cut short");
  WATTLE_TRY(Json header, parse_json(std::string_view(bytes).substr(head, length), path.string()));
  return Checkpoint{std::move(header), bytes.substr(head + length), path};
}

Status restore(const Checkpoint& checkpoint, const NamedTensors& tensors) {
  const Json list = checkpoint.header.value("tensors", Json::array());
  if (!list.is_array() || list.size() != tensors.size()) {
    return malformed(checkpoint.file, "it is of another kind of model");
  }
  std::size_t offset = 0;
  for (std::size_t i = 0; i < tensors.size(); ++i) {
    const auto& [name, tensor] = tensors[i];
    const auto bytes = static_cast<std::size_t>(tensor.numel()) * sizeof(float);
    if (!list[i].is_object() || list[i].value("name", std::string()) != name ||
        list[i].value("n", std::int64_t{-1}) != tensor.numel()) {
      return malformed(checkpoint.file, fmt::format("tensor '{}' does not fit this model", name));
    }
    if (bytes > checkpoint.floats.size() - offset) {
      return malformed(checkpoint.file, "the file is cut short");
    }
    std::memcpy(tensor.data_ptr<float>(), checkpoint.floats.data() + offset, bytes);
    offset += bytes;
  }
  if (offset != checkpoint.floats.size()) return malformed(checkpoint.file, "trailing bytes");
  return {};
}

}  // namespace wattle::learn
