#include "base/sha256.hpp"

#include <openssl/evp.h>

#include "base/mapped_file.hpp"

namespace wattle {

std::string sha256_hex(std::span<const std::byte> bytes) {
  unsigned char digest[EVP_MAX_MD_SIZE];
  unsigned int length = 0;
  EVP_Digest(bytes.data(), bytes.size(), digest, &length, EVP_sha256(), nullptr);
  constexpr char kHex[] = "0123456789abcdef";
  std::string text;
  text.reserve(std::size_t{2} * length);
  for (unsigned int i = 0; i < length; ++i) {
    text += kHex[digest[i] >> 4];
    text += kHex[digest[i] & 15];
  }
  return text;
}

Result<std::string> sha256_file(const std::filesystem::path& path) {
  WATTLE_TRY(const MappedFile file, MappedFile::open(path));
  return sha256_hex(file.bytes());
}

}  // namespace wattle
