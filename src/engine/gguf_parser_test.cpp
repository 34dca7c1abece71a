// Hostile and damaged files: always an error that names the place, never a crash or a huge
// allocation. The bytes are built by hand here, so the parser is not tested against the writer.
#include "engine/gguf_parser.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/resource.h>

#include <array>
#include <bit>
#include <cstdlib>
#include <fstream>
#include <functional>
#include <string>
#include <vector>

#include "base/atomic_file.hpp"
#include "base/test_folder.hpp"
#include "engine/gguf.hpp"
#include "wattle_folders.hpp"

namespace wattle::engine {
namespace {

using testing::HasSubstr;

class Bytes {
 public:
  template <class T>
  Bytes& put(T value) {
    const auto raw = std::bit_cast<std::array<char, sizeof(T)>>(value);
    text_.append(raw.data(), raw.size());
    return *this;
  }
  Bytes& u8(std::uint8_t value) { return put(value); }
  Bytes& u32(std::uint32_t value) { return put(value); }
  Bytes& u64(std::uint64_t value) { return put(value); }
  Bytes& f32(float value) { return put(value); }
  Bytes& raw(std::string_view text) {
    text_ += text;
    return *this;
  }
  Bytes& str(std::string_view text) { return u64(text.size()).raw(text); }
  Bytes& header(std::uint64_t n_tensors, std::uint64_t n_keys, std::uint32_t version = 3) {
    return raw("GGUF").u32(version).u64(n_tensors).u64(n_keys);
  }
  Bytes& key(std::string_view name, GgufType type) {
    return str(name).u32(static_cast<std::uint32_t>(type));
  }
  Bytes& tensor(std::string_view name, const std::vector<std::uint64_t>& shape, std::uint32_t type,
                std::uint64_t offset) {
    str(name).u32(static_cast<std::uint32_t>(shape.size()));
    for (const auto extent : shape) u64(extent);
    return u32(type).u64(offset);
  }
  // Pads to the alignment, then appends `n` data bytes.
  Bytes& data(std::size_t n, std::size_t alignment = 32) {
    text_.resize((text_.size() + alignment - 1) / alignment * alignment, '\0');
    text_.append(n, '\x01');
    return *this;
  }
  [[nodiscard]] const std::string& text() const { return text_; }
  [[nodiscard]] std::span<const std::byte> span() const { return std::as_bytes(std::span(text_)); }
  [[nodiscard]] Result<GgufFile> parse() const { return GgufFile::parse(span(), "x.gguf"); }

 private:
  std::string text_;
};

// One of everything. Ends with its last tensor, without padding after it.
Bytes complete_file(std::uint32_t version = 3) {
  Bytes bytes;
  bytes.header(2, 15, version);
  bytes.key("general.architecture", GgufType::string).str("llama");
  bytes.key("a.u8", GgufType::u8).u8(200);
  bytes.key("a.i8", GgufType::i8).put(std::int8_t{-3});
  bytes.key("a.u16", GgufType::u16).put(std::uint16_t{65535});
  bytes.key("a.i16", GgufType::i16).put(std::int16_t{-300});
  bytes.key("a.u32", GgufType::u32).u32(4'000'000'000U);
  bytes.key("a.i32", GgufType::i32).put(std::int32_t{7});
  bytes.key("a.f32", GgufType::f32).f32(0.5F);
  bytes.key("a.bool", GgufType::boolean).u8(1);
  bytes.key("a.u64", GgufType::u64).u64(std::uint64_t{1} << 40);
  bytes.key("a.i64", GgufType::i64).put(std::int64_t{-1});
  bytes.key("a.f64", GgufType::f64).put(0.25);
  bytes.key("tokens", GgufType::array).u32(8).u64(2).str("he").str("llo");
  bytes.key("numbers", GgufType::array).u32(5).u64(3);
  for (const std::int32_t value : {1, -2, 3}) bytes.put(value);
  bytes.key("nested", GgufType::array).u32(9).u64(2);
  bytes.u32(0).u64(1).u8(9).u32(8).u64(1).str("in");
  bytes.tensor("a.weight", {32, 2}, 8, 0);  // Q8_0: 2 × 34 bytes
  bytes.tensor("b.weight", {8, 2}, 1, 96);  // F16: 32 bytes
  return bytes.data(128);
}

TEST(GgufParser, ReadsEveryValueType) {
  const Bytes bytes = complete_file();
  const auto file = bytes.parse();
  ASSERT_TRUE(file) << file.error().message();
  EXPECT_EQ(*file->require_string("general.architecture"), "llama");
  EXPECT_EQ(*file->require_uint("a.u8"), 200U);
  EXPECT_EQ(*file->require_uint("a.u16"), 65535U);
  EXPECT_EQ(*file->require_uint("a.u32"), 4'000'000'000U);
  EXPECT_EQ(*file->require_uint("a.u64"), std::uint64_t{1} << 40);
  EXPECT_EQ(*file->require_uint("a.i32"), 7U);
  EXPECT_EQ(std::get<std::int64_t>(file->find("a.i8")->value), -3);
  EXPECT_EQ(std::get<std::int64_t>(file->find("a.i16")->value), -300);
  EXPECT_EQ(std::get<std::int64_t>(file->find("a.i64")->value), -1);
  EXPECT_EQ(**file->get_float("a.f32"), 0.5);
  EXPECT_EQ(**file->get_float("a.f64"), 0.25);
  EXPECT_EQ(**file->get_float("a.i32"), 7.0);
  EXPECT_EQ(**file->get_bool("a.bool"), true);
  const auto& nested = std::get<std::vector<GgufArray>>(file->find_array("nested")->values);
  ASSERT_EQ(nested.size(), 2U);
  EXPECT_EQ(std::get<std::vector<std::uint64_t>>(nested[0].values)[0], 9U);
  EXPECT_EQ(std::get<std::vector<std::string>>(nested[1].values)[0], "in");
  EXPECT_EQ(file->find_array("numbers")->size(), 3U);
  EXPECT_EQ(file->find_tensor("a.weight")->n_bytes, 68U);
  EXPECT_EQ(file->tensor_bytes(*file->find_tensor("b.weight")).size(), 32U);
  EXPECT_EQ(file->find_tensor("c.weight"), nullptr);
}

TEST(GgufParser, TypedAccessTellsAbsentFromWrong) {
  const Bytes bytes = complete_file();
  const auto file = bytes.parse();
  ASSERT_TRUE(file);
  EXPECT_EQ(*file->get_uint("absent"), std::nullopt);
  EXPECT_EQ(*file->get_string("absent"), std::nullopt);
  EXPECT_EQ(file->find_array("a.u8"), nullptr);
  const auto negative = file->get_uint("a.i8");
  ASSERT_FALSE(negative);
  EXPECT_EQ(negative.error().code, ErrorCode::invalid_format);
  EXPECT_THAT(negative.error().what, HasSubstr("x.gguf"));
  EXPECT_THAT(negative.error().what, HasSubstr("'a.i8'"));
  EXPECT_FALSE(file->get_string("a.u8"));
  EXPECT_FALSE(file->get_float("general.architecture"));
  EXPECT_FALSE(file->get_bool("a.u8"));
  EXPECT_THAT(file->require_uint("absent").error().message(), HasSubstr("'absent' is missing"));
  EXPECT_FALSE(file->require_string("absent"));
}

TEST(GgufParser, ReadsVersion2AndKeepsItsNumber) {
  const Bytes bytes = complete_file(2);
  const auto file = bytes.parse();
  ASSERT_TRUE(file) << file.error().message();
  EXPECT_EQ(file->version(), 2U);
}

TEST(GgufParser, HonoursAnotherAlignment) {
  Bytes bytes;
  bytes.header(1, 1).key("general.alignment", GgufType::u32).u32(64);
  bytes.tensor("t", {4}, 0, 64).data(80, 64);
  const auto file = bytes.parse();
  ASSERT_TRUE(file) << file.error().message();
  EXPECT_EQ(file->alignment(), 64U);
  EXPECT_EQ(file->tensor_bytes(file->tensors()[0]).data(), bytes.span().data() + 128 + 64);
}

TEST(GgufParser, AVocabularyNeedsNoDataSection) {
  Bytes bytes;
  bytes.header(0, 1).key("k", GgufType::u8).u8(1);  // ends unaligned
  EXPECT_TRUE(bytes.parse());
}

TEST(GgufParser, TruncatedAnywhereIsAnError) {
  const std::string whole = complete_file().text();
  ASSERT_TRUE(GgufFile::parse(std::as_bytes(std::span(whole)), "x.gguf"));
  for (std::size_t n = 0; n < whole.size(); ++n) {
    const std::string part = whole.substr(0, n);  // a copy, so that a sanitizer sees any overrun
    const auto file = GgufFile::parse(std::as_bytes(std::span(part)), "x.gguf");
    ASSERT_FALSE(file) << "accepted after " << n << " of " << whole.size() << " bytes";
    EXPECT_EQ(file.error().code, ErrorCode::invalid_format) << n;
    EXPECT_THAT(file.error().what, HasSubstr("x.gguf"));
    EXPECT_FALSE(file.error().remedy.empty());
  }
}

// Whatever is accepted must be consistent: every tensor inside the file.
void expect_sound(const std::string& text) {
  const auto file = GgufFile::parse(std::as_bytes(std::span(text)), "x.gguf");
  if (!file) return;
  for (const auto& tensor : file->tensors()) {
    const auto bytes = file->tensor_bytes(tensor);
    EXPECT_EQ(bytes.size(), tensor.n_bytes);
    EXPECT_LE(bytes.data() + bytes.size(),
              reinterpret_cast<const std::byte*>(text.data()) + text.size());
  }
}

TEST(GgufParser, EveryFlippedBitIsRefusedOrHarmless) {
  const std::string whole = complete_file().text();
  for (std::size_t i = 0; i < whole.size(); ++i) {
    for (unsigned bit = 0; bit < 8; ++bit) {
      std::string flipped = whole;
      flipped[i] = static_cast<char>(static_cast<unsigned char>(flipped[i]) ^ (1U << bit));
      expect_sound(flipped);
    }
    for (const int value : {0x00, 0x7F, 0xFF}) {
      std::string changed = whole;
      changed[i] = static_cast<char>(value);
      expect_sound(changed);
    }
  }
}

struct Malformed {
  const char* name;
  std::function<Bytes()> bytes;
  ErrorCode code;
  std::vector<const char*> words;  // what the message must say
};

Bytes one_tensor(const std::vector<std::uint64_t>& shape, std::uint32_t type, std::uint64_t offset,
                 std::size_t n_data, std::string_view name = "t") {
  Bytes bytes;
  bytes.header(1, 0).tensor(name, shape, type, offset);
  return bytes.data(n_data);
}

Bytes one_key(std::string_view name, GgufType type, const std::function<void(Bytes&)>& value) {
  Bytes bytes;
  bytes.header(0, 1).key(name, type);
  value(bytes);
  return bytes;
}

const std::vector<Malformed>& malformed_files() {
  constexpr std::uint64_t kHuge = std::numeric_limits<std::uint64_t>::max();
  constexpr auto kBad = ErrorCode::invalid_format;
  constexpr auto kUnsupported = ErrorCode::unsupported;
  static const std::vector<Malformed> cases{
      {"empty", [] { return Bytes(); }, kBad, {"not a GGUF file", "empty"}},
      {"text", [] { return Bytes().raw("hello, this is no model"); }, kBad, {"not a GGUF file"}},
      {"web page", [] { return Bytes().raw("<!DOCTYPE html><html>"); }, kBad, {"web page"}},
      {"lfs pointer",
       [] { return Bytes().raw("version https://git-lfs.github.com/spec/v1\n"); },
       kBad,
       {"git lfs pull"}},
      {"safetensors", [] { return Bytes().u64(300).raw("{\"a\":{}}"); }, kBad, {"safetensors"}},
      {"pytorch", [] { return Bytes().raw("PK\x03\x04....."); }, kBad, {"PyTorch"}},
      {"older format", [] { return Bytes().raw("tjgg....."); }, kBad, {"older than GGUF"}},
      {"version 0", [] { return Bytes().header(0, 0, 0); }, kUnsupported, {"version 0"}},
      {"version 1",
       [] { return Bytes().header(0, 0, 1); },
       kUnsupported,
       {"version 1", "newer file"}},
      {"version 4", [] { return Bytes().header(0, 0, 4); }, kUnsupported, {"version 4", "Update"}},
      {"big-endian",
       [] { return Bytes().header(0, 0, 0x03000000U); },
       kUnsupported,
       {"big-endian"}},
      {"too many keys", [=] { return Bytes().header(0, kHuge); }, kBad, {"metadata keys"}},
      {"too many tensors", [=] { return Bytes().header(kHuge, 0); }, kBad, {"tensors, more than"}},
      {"key length", [=] { return Bytes().header(0, 1).u64(kHuge).data(64); }, kBad, {"key 0"}},
      {"empty key",
       [] { return Bytes().header(0, 1).str("").u32(0).data(8); },
       kBad,
       {"key 0", "empty"}},
      {"long key",
       [] { return Bytes().header(0, 1).str(std::string(65536, 'k')).u32(0).u8(0); },
       kBad,
       {"65536", "65535"}},
      {"duplicate key",
       [] {
         Bytes bytes;
         bytes.header(0, 2).key("twin", GgufType::u8).u8(1).key("twin", GgufType::u8).u8(2);
         return bytes;
       },
       kBad,
       {"'twin'", "twice"}},
      {"unknown value type",
       [] { return Bytes().header(0, 1).str("k").u32(13).u64(0); },
       kBad,
       {"'k'", "value type 13"}},
      {"bool of 2",
       [] { return one_key("k", GgufType::boolean, [](Bytes& b) { b.u8(2); }); },
       kBad,
       {"'k'", "bool"}},
      {"string longer than the file",
       [=] { return one_key("k", GgufType::string, [](Bytes& b) { b.u64(kHuge).raw("x"); }); },
       kBad,
       {"'k'", "ends at byte"}},
      {"array longer than the file",
       [=] {
         return one_key("k", GgufType::array, [](Bytes& b) { b.u32(10).u64(kHuge / 8 + 2); });
       },
       kBad,
       {"'k'", "ends at byte"}},
      {"array of 2³³ strings",
       [] {
         return one_key("k", GgufType::array,
                        [](Bytes& b) { b.u32(8).u64(std::uint64_t{1} << 33).data(900); });
       },
       kBad,
       {"'k'", "ends at byte"}},
      {"array of an unknown type",
       [] { return one_key("k", GgufType::array, [](Bytes& b) { b.u32(99).u64(0); }); },
       kBad,
       {"'k'", "type 99"}},
      {"bool array holding 3",
       [] { return one_key("k", GgufType::array, [](Bytes& b) { b.u32(7).u64(1).u8(3); }); },
       kBad,
       {"'k'", "bool"}},
      {"nested too deep",
       [] {
         return one_key("k", GgufType::array, [](Bytes& b) {
           for (int i = 0; i < 1000; ++i) b.u32(9).u64(1);
           b.u32(0).u64(0);
         });
       },
       kBad,
       {"'k'", "deep"}},
      {"alignment 0",
       [] { return one_key("general.alignment", GgufType::u32, [](Bytes& b) { b.u32(0); }); },
       kBad,
       {"general.alignment", "is 0"}},
      {"alignment 48",
       [] { return one_key("general.alignment", GgufType::u32, [](Bytes& b) { b.u32(48); }); },
       kBad,
       {"general.alignment", "is 48"}},
      {"alignment 4",
       [] { return one_key("general.alignment", GgufType::u32, [](Bytes& b) { b.u32(4); }); },
       kBad,
       {"general.alignment", "is 4"}},
      {"alignment 2³¹",
       [] {
         return one_key("general.alignment", GgufType::u32, [](Bytes& b) { b.u32(1U << 31U); });
       },
       kBad,
       {"general.alignment"}},
      {"alignment as text",
       [] { return one_key("general.alignment", GgufType::string, [](Bytes& b) { b.str("32"); }); },
       kBad,
       {"general.alignment", "string"}},
      {"tensor name of 65 bytes",
       [] { return one_tensor({4}, 0, 0, 16, std::string(65, 'n')); },
       kBad,
       {"tensor 0", "65", "64"}},
      {"empty tensor name",
       [] { return one_tensor({4}, 0, 0, 16, ""); },
       kBad,
       {"tensor 0", "empty"}},
      {"duplicate tensor",
       [] {
         Bytes bytes;
         bytes.header(2, 0).tensor("twin", {8}, 0, 0).tensor("twin", {8}, 0, 32);
         return bytes.data(64);
       },
       kBad,
       {"'twin'", "twice"}},
      {"no dimensions", [] { return one_tensor({}, 0, 0, 64); }, kBad, {"'t'", "0 dimensions"}},
      {"5 dimensions",
       [] { return one_tensor({1, 1, 1, 1, 1}, 0, 0, 64); },
       kBad,
       {"'t'", "5 dimensions"}},
      {"dimension of size 0",
       [] { return one_tensor({4, 0}, 0, 0, 64); },
       kBad,
       {"'t'", "dimension 1"}},
      {"element count overflows",
       [] { return one_tensor({std::uint64_t{1} << 32, std::uint64_t{1} << 32}, 0, 0, 64); },
       kBad,
       {"'t'", "overflows"}},
      {"element count wraps to 0",
       [] { return one_tensor({std::uint64_t{1} << 63, 2}, 0, 0, 64); },
       kBad,
       {"'t'", "overflows"}},
      {"byte count overflows",
       [] { return one_tensor({std::uint64_t{1} << 62}, 0, 0, 64); },
       kBad,
       {"'t'"}},
      {"IQ2_XS",
       [] { return one_tensor({256}, 17, 0, 74, "blk.0.attn_q.weight"); },
       kUnsupported,
       {"'blk.0.attn_q.weight'", "IQ2_XS (17)", "is not supported yet", "F16"}},
      {"removed type 31",
       [] { return one_tensor({32}, 31, 0, 18); },
       kUnsupported,
       {"'t'", "Q4_0_4_4 (31)", "removed"}},
      {"removed type 4",
       [] { return one_tensor({32}, 4, 0, 18); },
       kUnsupported,
       {"(4)", "removed"}},
      {"type above the table",
       [] { return one_tensor({32}, 4000, 0, 18); },
       kUnsupported,
       {"'t'", "4000"}},
      {"row is not whole blocks",
       [] { return one_tensor({33, 32}, 8, 0, 4096); },
       kBad,
       {"'t'", "33 elements", "Q8_0"}},
      {"offset is not aligned",
       [] { return one_tensor({4}, 0, 16, 64); },
       kBad,
       {"'t'", "alignment 32"}},
      {"larger than the file",
       [] { return one_tensor({1024}, 0, 0, 64); },
       kBad,
       {"'t'", "4096 bytes", "ends at byte"}},
      {"offset beyond the file",
       [] { return one_tensor({4}, 0, std::uint64_t{1} << 40, 64); },
       kBad,
       {"'t'", "ends at byte"}},
      {"offset at the end of 64 bits",
       [=] { return one_tensor({64}, 0, kHuge - 31, 64); },
       kBad,
       {"'t'", "ends at byte"}},
      {"region smaller than the type needs",
       [] {
         Bytes bytes;
         bytes.header(2, 0).tensor("first", {64}, 0, 0).tensor("second", {8}, 0, 32);
         return bytes.data(256);
       },
       kBad,
       {"'first'", "overlaps", "'second'"}},
  };
  return cases;
}

TEST(GgufParser, MalformedFilesGiveErrorsThatNameThePlace) {
  for (const auto& malformed : malformed_files()) {
    SCOPED_TRACE(malformed.name);
    const auto file = malformed.bytes().parse();
    if (file) {
      ADD_FAILURE() << "accepted";
      continue;
    }
    EXPECT_EQ(file.error().code, malformed.code) << file.error().message();
    EXPECT_THAT(file.error().what, HasSubstr("x.gguf"));
    EXPECT_FALSE(file.error().remedy.empty());
    for (const char* word : malformed.words) {
      EXPECT_THAT(file.error().message(), HasSubstr(word));
    }
  }
}

TEST(GgufParser, HostileNamesCannotWriteToTheTerminal) {
  const auto file = one_tensor({1024}, 0, 0, 64, "\x1b[2J\xff").parse();
  ASSERT_FALSE(file);
  EXPECT_THAT(file.error().what, HasSubstr("\\x1b[2J\\xff"));
  EXPECT_EQ(printable(std::string(200, 'a')), std::string(80, 'a') + "…");
}

#if !defined(__SANITIZE_ADDRESS__) && !defined(__SANITIZE_THREAD__)
// A sanitizer's own address space is far above any limit.
TEST(GgufParserDeathTest, SmallFilesCannotAskForMuchMemory) {
  const auto parse_all_in_64_mb = [] {
    rlimit limit{};
    getrlimit(RLIMIT_AS, &limit);
    std::ifstream statm("/proc/self/statm");
    std::uint64_t pages = 0;
    statm >> pages;
    limit.rlim_cur = pages * 4096 + (std::uint64_t{64} << 20U);
    setrlimit(RLIMIT_AS, &limit);
    for (const auto& malformed : malformed_files()) {
      if (malformed.bytes().parse()) std::_Exit(1);
    }
    std::_Exit(0);
  };
  EXPECT_EXIT(parse_all_in_64_mb(), testing::ExitedWithCode(0), "");
}
#endif

TEST(GgufParser, OpenNamesTheFile) {
  const TestFolder folder;
  const auto missing = GgufFile::open(folder.path() / "no.gguf");
  ASSERT_FALSE(missing);
  EXPECT_EQ(missing.error().code, ErrorCode::not_found);
  EXPECT_THAT(missing.error().what, HasSubstr("no.gguf"));
  const auto a_folder = GgufFile::open(folder.path());
  ASSERT_FALSE(a_folder);
  const auto path = folder.write("bad.gguf", "GGUX");
  const auto bad = GgufFile::open(path);
  ASSERT_FALSE(bad);
  EXPECT_THAT(bad.error().what, HasSubstr(path.string()));
}

// The seeds of the fuzz target say in their names what the parser must make of them.
TEST(GgufParser, FuzzSeedsAreWhatTheirNamesSay) {
  int n_seeds = 0;
  const auto corpus = std::filesystem::path(WATTLE_SOURCE_DIR) / "fuzz/corpus/gguf";
  for (const auto& entry : std::filesystem::directory_iterator(corpus)) {
    SCOPED_TRACE(entry.path().string());
    const std::string name = entry.path().filename().string();
    const auto file = GgufFile::open(entry.path());
    if (name.starts_with("valid-")) {
      EXPECT_TRUE(file) << file.error().message();
    } else if (name.starts_with("bad-")) {
      EXPECT_FALSE(file);
    }
    ++n_seeds;
  }
  EXPECT_GE(n_seeds, 5);
}

}  // namespace
}  // namespace wattle::engine
