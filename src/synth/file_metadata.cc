#include "synth/file_metadata.h"

#include <fmt/format.h>

#include <string>
#include <utility>
#include <vector>

namespace ix::synth {
namespace {

constexpr uint32_t kQ4KM = 15;  // general.file_type
constexpr uint32_t kQuantizationVersion = 2;

// tokenizer.ggml.token_type
constexpr int32_t kNormal = 1;
constexpr int32_t kUnknown = 2;
constexpr int32_t kControl = 3;
constexpr int32_t kByte = 6;

constexpr std::string_view kSpaceMark = "\u2581";

class Keys {
 public:
  Keys(gguf::GgufWriter& writer, const Shape& shape) : writer_(writer), shape_(shape) {}

  Status add_all() {
    add_general();
    add_architecture();
    add_vocabulary();
    return status_;
  }

 private:
  // The first failure stays.
  void add(std::string_view key, const gguf::TypedValue& value) {
    if (status_.ok()) status_ = writer_.add(key, value);
  }
  void add_number(std::string_view key, int64_t value) {
    add(of_architecture(key), static_cast<uint32_t>(value));
  }
  std::string of_architecture(std::string_view key) const {
    return fmt::format("{}.{}", shape_.architecture, key);
  }

  void add_general() {
    add("general.architecture", shape_.architecture);
    add("general.type", std::string("model"));
    add("general.name", "synthetic " + shape_.name);
    add("general.file_type", kQ4KM);
    add("general.quantization_version", kQuantizationVersion);
  }

  void add_architecture() {
    add_number("context_length", shape_.context_length);
    add_number("embedding_length", shape_.width);
    add_number("block_count", shape_.layers);
    add_number("feed_forward_length", shape_.ffn_width);
    add_number("attention.head_count", shape_.heads);
    add_number("attention.head_count_kv", shape_.kv_heads);
    add(of_architecture("attention.layer_norm_rms_epsilon"), shape_.norm_epsilon);
    if (shape_.head_dim * shape_.heads != shape_.width) {
      add_number("attention.key_length", shape_.head_dim);
      add_number("attention.value_length", shape_.head_dim);
    }
    if (shape_.architecture == "llama") add_number("rope.dimension_count", shape_.head_dim);
    add(of_architecture("rope.freq_base"), shape_.rope_base);
    if (shape_.window > 0) add_number("attention.sliding_window", shape_.window);
  }

  void add_vocabulary() {
    std::vector<std::string> texts;
    std::vector<float> scores;
    std::vector<int32_t> types;
    const auto token = [&](std::string text, float score, int32_t type) {
      texts.push_back(std::move(text));
      scores.push_back(score);
      types.push_back(type);
    };
    token("<unk>", 0, kUnknown);
    token("<s>", 0, kControl);
    token("</s>", 0, kControl);
    for (int byte = 0; byte < 256; ++byte) token(fmt::format("<0x{:02X}>", byte), 0, kByte);
    // Words win over letters, as pieces with higher scores are joined first.
    const auto letter_score = -static_cast<float>(shape_.vocab_size);
    token(std::string(kSpaceMark), letter_score, kNormal);
    for (char letter = '!'; letter <= '~'; ++letter) {
      token(std::string(1, letter), letter_score, kNormal);
    }
    for (int64_t word = 0; static_cast<int64_t>(texts.size()) < shape_.vocab_size; ++word) {
      token(fmt::format("{}w{}", kSpaceMark, word), -static_cast<float>(word), kNormal);
    }
    add("tokenizer.ggml.model", std::string("llama"));
    add("tokenizer.ggml.pre", std::string("default"));
    add("tokenizer.ggml.tokens", std::move(texts));
    add("tokenizer.ggml.scores", std::move(scores));
    add("tokenizer.ggml.token_type", std::move(types));
    add("tokenizer.ggml.unknown_token_id", uint32_t{0});
    add("tokenizer.ggml.bos_token_id", uint32_t{1});
    add("tokenizer.ggml.eos_token_id", uint32_t{2});
  }

  gguf::GgufWriter& writer_;
  const Shape& shape_;
  Status status_;
};

}  // namespace

Status add_metadata(gguf::GgufWriter& writer, const Shape& shape) {
  return Keys(writer, shape).add_all();
}

}  // namespace ix::synth
