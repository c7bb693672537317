// An open model: file, tokenizer, graph, and an engine over the chosen backend.
#pragma once

#include <cstdint>
#include <memory>
#include <string>

#include "base/result.h"
#include "device.h"
#include "engine/engine.h"
#include "gguf/gguf_file.h"
#include "graph/decoder.h"
#include "tokenizer/tokenizer.h"

namespace ix::cli {

struct SessionOptions {
  std::string model;
  int64_t context = 0;  // 0 = min(the model's, 8192)
  int threads = 0;      // 0 = what the machine allows
  int32_t max_rows = 512;
  bool precise = false;
  std::string isa;
  bool no_pack = false;
  bool lock_memory = false;
  DeviceOptions device;
};

// Says what to type where -m was left away.
Status check_model_given(const std::string& path);

// A file and its tokenizer: all that `ix tokenize` needs.
class Vocabulary {
 public:
  static Result<Vocabulary> open(const std::string& path);
  const gguf::GgufFile& file() const { return *file_; }
  const tokenizer::Tokenizer& tokenizer() const { return *tokenizer_; }

 private:
  Vocabulary() = default;
  std::unique_ptr<gguf::GgufFile> file_;
  std::unique_ptr<tokenizer::Tokenizer> tokenizer_;
};

class Session {
 public:
  // Shows progress on a terminal. resource_exhausted with the figures when memory is short.
  static Result<std::unique_ptr<Session>> open(const SessionOptions& options);

  const gguf::GgufFile& file() const { return vocabulary_.file(); }
  const tokenizer::Tokenizer& tokenizer() const { return vocabulary_.tokenizer(); }
  const graph::Decoder& decoder() const { return decoder_; }
  engine::Engine& engine() { return *engine_; }
  double load_ms() const { return load_ms_; }

 private:
  explicit Session(Vocabulary vocabulary) : vocabulary_(std::move(vocabulary)) {}

  Vocabulary vocabulary_;
  graph::Decoder decoder_;                  // the executor points into it
  std::unique_ptr<engine::Engine> engine_;  // goes first
  double load_ms_ = 0;
};

}  // namespace ix::cli
