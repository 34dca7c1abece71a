#pragma once
// For tests: writes a safetensors file.

#include <cstring>
#include <fstream>
#include <string>
#include <vector>

#include "base/json.hpp"

namespace wattle::engine {

class TestSafetensors {
 public:
  void add(const std::string& name, const std::string& dtype,
           const std::vector<std::uint64_t>& shape, const std::vector<std::byte>& bytes) {
    header_[name] = {{"dtype", dtype},
                     {"shape", shape},
                     {"data_offsets", {data_.size(), data_.size() + bytes.size()}}};
    data_.append(reinterpret_cast<const char*>(bytes.data()), bytes.size());
  }
  template <class T>
  void add(const std::string& name, const std::string& dtype,
           const std::vector<std::uint64_t>& shape, const std::vector<T>& values) {
    std::vector<std::byte> bytes(values.size() * sizeof(T));
    std::memcpy(bytes.data(), values.data(), bytes.size());
    add(name, dtype, shape, bytes);
  }
  Json& header() { return header_; }

  [[nodiscard]] std::string text() const {
    const std::string header = dump_json(header_);
    const std::uint64_t length = header.size();
    std::string out(sizeof length, '\0');
    std::memcpy(out.data(), &length, sizeof length);
    return out + header + data_;
  }
  void write(const std::filesystem::path& path) const {
    std::ofstream(path, std::ios::binary) << text();
  }

 private:
  Json header_ = Json::object();
  std::string data_;
};

}  // namespace wattle::engine
