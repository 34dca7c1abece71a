// A model in several files: split.count, split.no and names that end in -00001-of-00003.gguf.
#include <fmt/format.h>

#include <utility>

#include "engine/gguf.hpp"

namespace wattle::engine {
namespace {

constexpr std::uint64_t kMostParts = 9999;
constexpr std::size_t kDigits = 5;
constexpr std::string_view kBetween = "-of-";
constexpr std::string_view kExtension = ".gguf";

std::string ending(std::uint64_t number, std::uint64_t count) {
  return fmt::format("-{:0{}}{}{:0{}}{}", number, kDigits, kBetween, count, kDigits, kExtension);
}

std::unexpected<Error> bad_part(const GgufFile& file, const std::string& why) {
  return fail(ErrorCode::invalid_format, fmt::format("cannot open {}: {}", file.source(), why),
              "Download all files of the model again, into one folder.");
}

}  // namespace

Status GgufFile::append(GgufFile&& part) {
  for (TensorInfo& tensor : part.tensors_) {
    tensor.part = parts_.size();
    if (!tensor_index_.emplace(tensor.name, tensors_.size()).second) {
      return bad_part(part, fmt::format("tensor '{}' is in an earlier part too", tensor.name));
    }
    tensors_.push_back(std::move(tensor));
  }
  parts_.push_back(std::move(part.parts_[0]));
  return {};
}

Result<GgufFile> GgufFile::open(const std::filesystem::path& path) {
  WATTLE_TRY(GgufFile file, open_one(path));
  WATTLE_TRY(const auto split_count, file.get_uint("split.count"));
  const std::uint64_t count = split_count.value_or(1);
  if (count <= 1) return file;
  if (count > kMostParts) return bad_part(file, fmt::format("split.count is {}", count));
  const std::string name = path.filename().string();
  WATTLE_TRY(const auto number, file.get_uint("split.no"));
  const std::string own = ending(number.value_or(0) + 1, count);
  if (!name.ends_with(own)) {
    return bad_part(file, fmt::format("it is part {} of {} of a split model, but its name does not "
                                      "end in '{}'",
                                      number.value_or(0) + 1, count, own));
  }
  const std::string stem = name.substr(0, name.size() - own.size());
  GgufFile whole;
  for (std::uint64_t i = 1; i <= count; ++i) {
    const auto part_path = path.parent_path() / (stem + ending(i, count));
    auto part = open_one(part_path);
    if (!part) {
      part.error().what =
          fmt::format("part {} of {} of a split model: {}", i, count, part.error().what);
      return part;
    }
    WATTLE_TRY(const auto part_number, part->get_uint("split.no"));
    if (part_number.value_or(0) + 1 != i) {
      return bad_part(*part, fmt::format("its split.no is {}, its name says part {}",
                                         part_number.value_or(0), i));
    }
    if (i == 1) {
      whole = *std::move(part);
    } else {
      WATTLE_CHECK(whole.append(*std::move(part)));
    }
  }
  WATTLE_TRY(const auto total, whole.get_uint("split.tensors.count"));
  if (total && *total != whole.tensors_.size()) {
    return bad_part(whole, fmt::format("its parts hold {} tensors, split.tensors.count is {}",
                                       whole.tensors_.size(), *total));
  }
  return whole;
}

}  // namespace wattle::engine
