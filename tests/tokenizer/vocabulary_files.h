// Tokenizers of real vocabularies, from the files that scripts fetch into .cache.
#pragma once

#include <memory>
#include <string>

#include "base/result.h"
#include "gguf/gguf_file.h"
#include "tokenizer/tokenizer.h"

namespace ix::tokenizer {

struct LoadedTokenizer {
  std::unique_ptr<gguf::GgufFile> file;
  std::unique_ptr<Tokenizer> tokenizer;
};

// name: "llama-bpe" for .cache/vocab/ggml-vocab-llama-bpe.gguf, or "gemma-3-270m-q4_k_m" for
// .cache/models/gemma-3-270m-q4_k_m.gguf. A test stops where the file is missing.
Result<LoadedTokenizer> load_tokenizer(const std::string& name);

// Path of a vocabulary of .cache/vocab, without ".inp" or ".out".
std::string vocabulary_path(const std::string& name);

}  // namespace ix::tokenizer
