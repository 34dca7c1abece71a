#include "engine/hf/safetensors.hpp"

#include <fmt/format.h>

#include <array>
#include <cstring>
#include <optional>
#include <string_view>

#include "base/json.hpp"
#include "engine/gguf_parser.hpp"

namespace wattle::engine {
namespace {

constexpr std::uint64_t kLengthBytes = 8;
constexpr std::uint64_t kMostHeaderBytes = 100'000'000;  // the reference implementation's limit
constexpr std::size_t kMostDimensions = 8;

struct Known {
  std::string_view name;
  std::uint64_t bytes;
  SafetensorType type;
};
constexpr auto kTypes = std::to_array<Known>({{"F32", 4, SafetensorType::f32},
                                              {"F16", 2, SafetensorType::f16},
                                              {"BF16", 2, SafetensorType::bf16},
                                              {"I32", 4, SafetensorType::i32},
                                              {"F64", 8, SafetensorType::other},
                                              {"I64", 8, SafetensorType::other},
                                              {"U64", 8, SafetensorType::other},
                                              {"U32", 4, SafetensorType::other},
                                              {"I16", 2, SafetensorType::other},
                                              {"U16", 2, SafetensorType::other},
                                              {"I8", 1, SafetensorType::other},
                                              {"U8", 1, SafetensorType::other},
                                              {"BOOL", 1, SafetensorType::other},
                                              {"F8_E4M3", 1, SafetensorType::other},
                                              {"F8_E5M2", 1, SafetensorType::other}});

class Parser {
 public:
  Parser(std::span<const std::byte> bytes, const std::string& source)
      : bytes_(bytes), source_(source) {}

  Result<std::vector<Safetensor>> parse() {
    if (bytes_.size() < kLengthBytes) return bad(fmt::format("it has {} bytes", bytes_.size()));
    std::uint64_t length = 0;
    std::memcpy(&length, bytes_.data(), sizeof length);
    if (length > kMostHeaderBytes || length > bytes_.size() - kLengthBytes) {
      return bad(fmt::format("its header is said to have {} bytes; the file has {}", length,
                             bytes_.size()));
    }
    const std::string_view text(reinterpret_cast<const char*>(bytes_.data()) + kLengthBytes,
                                length);
    data_ = bytes_.subspan(kLengthBytes + length);
    WATTLE_TRY(const Json header, parse_json(text, source_ + ", header"));
    if (!header.is_object()) return bad("its header is not a JSON object");
    std::vector<Safetensor> tensors;
    for (const auto& [name, entry] : header.items()) {
      if (name == "__metadata__") continue;
      WATTLE_TRY(Safetensor made, tensor(name, entry));
      tensors.push_back(std::move(made));
    }
    return tensors;
  }

 private:
  [[nodiscard]] std::unexpected<Error> bad(const std::string& why) const {
    return fail(ErrorCode::invalid_format,
                fmt::format("{} is not a valid safetensors file: {}", source_, why),
                "The file is damaged or incomplete: download it again and compare its checksum.");
  }

  static std::optional<std::vector<std::uint64_t>> numbers(const Json& list, std::size_t most) {
    if (!list.is_array() || list.size() > most) return std::nullopt;
    std::vector<std::uint64_t> out;
    for (const Json& number : list) {
      if (!number.is_number_unsigned()) return std::nullopt;
      out.push_back(number.get<std::uint64_t>());
    }
    return out;
  }

  Result<Safetensor> tensor(const std::string& name, const Json& entry) const {
    const auto wrong = [&](const std::string& why) {
      return bad(fmt::format("tensor '{}' {}", printable(name), why));
    };
    if (!entry.is_object()) return wrong("has no description");
    const auto shape = numbers(entry.value("shape", Json()), kMostDimensions);
    const auto offsets = numbers(entry.value("data_offsets", Json()), 2);
    const Json dtype = entry.value("dtype", Json());
    if (!shape || !offsets || offsets->size() != 2 || !dtype.is_string()) {
      return wrong("lacks a valid dtype, shape or data_offsets");
    }
    const auto type_name = dtype.get<std::string>();
    const auto* type = std::ranges::find(kTypes, type_name, &Known::name);
    if (type == kTypes.end()) return wrong(fmt::format("is of type {}", printable(type_name)));
    std::uint64_t size = type->bytes;
    for (const std::uint64_t n : *shape) {
      if (n != 0 && size > data_.size() / n) return wrong("is larger than the file");
      size *= n;
    }
    const std::uint64_t begin = (*offsets)[0];
    const std::uint64_t end = (*offsets)[1];
    if (begin > end || end > data_.size()) {
      return wrong(fmt::format("lies at {} to {} of {} bytes", begin, end, data_.size()));
    }
    if (end - begin != size) {
      return wrong(fmt::format("has {} bytes; type and shape ask for {}", end - begin, size));
    }
    return Safetensor{name, type->type, type_name, *shape, data_.subspan(begin, size)};
  }

  std::span<const std::byte> bytes_;
  std::span<const std::byte> data_;
  const std::string& source_;
};

}  // namespace

Result<SafetensorsFile> SafetensorsFile::parse(std::span<const std::byte> bytes,
                                               const std::string& source) {
  SafetensorsFile file;
  file.bytes_ = bytes;
  file.source_ = source;
  WATTLE_TRY(file.tensors_, Parser(bytes, source).parse());
  return file;
}

Result<SafetensorsFile> SafetensorsFile::open(const std::filesystem::path& path) {
  WATTLE_TRY(MappedFile mapped, MappedFile::open(path));
  auto mapping = std::make_shared<const MappedFile>(std::move(mapped));
  WATTLE_TRY(SafetensorsFile file, parse(mapping->bytes(), path.string()));
  file.mapping_ = std::move(mapping);
  return file;
}

}  // namespace wattle::engine
