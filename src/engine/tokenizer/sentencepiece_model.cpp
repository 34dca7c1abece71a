#include "engine/tokenizer/sentencepiece_model.hpp"

#include <fmt/format.h>

#include "engine/tokenizer/protobuf_reader.hpp"

namespace wattle::engine {
namespace {

using Field = ProtobufReader::Field;

constexpr const char* kDownloadAgain = "Download the file again";
constexpr std::int64_t kBpe = 2;  // TrainerSpec.model_type

class ModelReader {
 public:
  ModelReader(std::span<const std::byte> bytes, const std::string& source)
      : bytes_(reinterpret_cast<const char*>(bytes.data()), bytes.size()), source_(source) {
    vocabulary_.source = source;
    vocabulary_.model = VocabularyModel::score_bpe;
    // What the proto says of fields that are not there.
    vocabulary_.unknown = 0;
    vocabulary_.bos = 1;
    vocabulary_.eos = 2;
    vocabulary_.remove_extra_spaces = true;
    vocabulary_.space_behind_user_defined = false;
  }

  Result<Vocabulary> read() {
    ProtobufReader reader(bytes_);
    while (const auto field = reader.next()) {
      if (field->type != Field::Type::bytes) continue;
      if (field->number == 1) WATTLE_CHECK(read_piece(field->bytes));
      if (field->number == 2) WATTLE_CHECK(read_trainer_spec(field->bytes));
      if (field->number == 3) WATTLE_CHECK(read_normalizer_spec(field->bytes));
    }
    if (reader.failed()) return malformed("the model", reader.position());
    WATTLE_CHECK(check());
    return std::move(vocabulary_);
  }

 private:
  [[nodiscard]] std::unexpected<Error> refuse(ErrorCode code, const std::string& why,
                                              std::string remedy) const {
    return fail(code, fmt::format("cannot read {}: {}", source_, why), std::move(remedy));
  }
  [[nodiscard]] std::unexpected<Error> malformed(const std::string& what,
                                                 std::size_t position) const {
    return refuse(ErrorCode::invalid_format,
                  fmt::format("{} is no valid protobuf at its byte {}; this is no SentencePiece "
                              "model",
                              what, position),
                  kDownloadAgain);
  }

  Status read_piece(std::string_view bytes) {
    const std::size_t id = vocabulary_.tokens.size();
    std::string_view text;
    float score = 0;
    std::int64_t type = 1;
    ProtobufReader reader(bytes);
    while (const auto field = reader.next()) {
      if (field->number == 1 && field->type == Field::Type::bytes) text = field->bytes;
      if (field->number == 2 && field->type == Field::Type::fixed32) score = field->as_float();
      if (field->number == 3 && field->type == Field::Type::varint) type = field->as_int();
    }
    if (reader.failed()) return malformed(fmt::format("piece {}", id), reader.position());
    if (type < 1 || type > 6) {
      return refuse(ErrorCode::invalid_format,
                    fmt::format("the type of piece {} is {}, known are 1 to 6", id, type),
                    kDownloadAgain);
    }
    vocabulary_.tokens.emplace_back(text);
    vocabulary_.scores.push_back(score);
    vocabulary_.kinds.push_back(static_cast<TokenKind>(type));
    return {};
  }

  Status read_trainer_spec(std::string_view bytes) {
    ProtobufReader reader(bytes);
    while (const auto field = reader.next()) {
      if (field->type != Field::Type::varint) continue;
      if (field->number == 3) model_type_ = field->as_int();
      if (field->number == 24) spaces_behind_ = field->value != 0;
      if (field->number == 40) vocabulary_.unknown = id(*field);
      if (field->number == 41) vocabulary_.bos = id(*field);
      if (field->number == 42) vocabulary_.eos = id(*field);
      if (field->number == 43) vocabulary_.padding = id(*field);
    }
    if (reader.failed()) return malformed("trainer_spec", reader.position());
    return {};
  }

  // -1 is "none".
  static std::optional<std::int64_t> id(const Field& field) {
    return field.as_int() == -1 ? std::nullopt : std::optional(field.as_int());
  }

  Status read_normalizer_spec(std::string_view bytes) {
    ProtobufReader reader(bytes);
    while (const auto field = reader.next()) {
      if (field->number == 1) normalizer_name_ = field->bytes;
      if (field->number == 2) changes_text_ = !field->bytes.empty();
      if (field->number == 3) vocabulary_.add_space_prefix = field->value != 0;
      if (field->number == 4) vocabulary_.remove_extra_spaces = field->value != 0;
      if (field->number == 5) escapes_spaces_ = field->value != 0;
    }
    if (reader.failed()) return malformed("normalizer_spec", reader.position());
    return {};
  }

  Status check() {
    if (vocabulary_.tokens.empty()) {
      return refuse(ErrorCode::invalid_format, "it has no pieces; this is no SentencePiece model",
                    kDownloadAgain);
    }
    if (model_type_ != kBpe) {
      return refuse(ErrorCode::unsupported,
                    fmt::format("trainer_spec.model_type is {} ({}), known is 2 (BPE)", model_type_,
                                model_type_ == 1   ? "unigram"
                                : model_type_ == 3 ? "word"
                                : model_type_ == 4 ? "char"
                                                   : "unknown"),
                    "Choose a model with a BPE tokenizer");
    }
    if (changes_text_) {
      return refuse(ErrorCode::unsupported,
                    fmt::format("normalizer_spec '{}' changes the text by a precompiled_charsmap, "
                                "known is only 'identity'",
                                normalizer_name_),
                    "Use a GGUF file of the same model, or choose another model");
    }
    if (spaces_behind_ || !escapes_spaces_) {
      return refuse(ErrorCode::unsupported,
                    spaces_behind_ ? "trainer_spec.treat_whitespace_as_suffix is true, known is "
                                     "false"
                                   : "normalizer_spec.escape_whitespaces is false, known is true",
                    "Choose another model");
    }
    return {};
  }

  std::string_view bytes_;
  const std::string& source_;
  Vocabulary vocabulary_;
  std::int64_t model_type_ = 1;  // unigram
  std::string_view normalizer_name_;
  bool changes_text_ = false;
  bool spaces_behind_ = false;
  bool escapes_spaces_ = true;
};

}  // namespace

Result<Vocabulary> read_sentencepiece_model(std::span<const std::byte> bytes,
                                            const std::string& source) {
  return ModelReader(bytes, source).read();
}

}  // namespace wattle::engine
