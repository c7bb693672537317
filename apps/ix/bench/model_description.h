// A model file in a table of benchmarks: what llama-bench says about one.
#pragma once

#include <cstdint>
#include <string>

#include "gguf/gguf_file.h"

namespace ix::cli {

struct ModelDescription {
  std::string name;    // "llama 1.1B Q4_K - Medium"
  int64_t bytes;       // of all tensors
  int64_t parameters;  // weights of all tensors
};

ModelDescription describe(const gguf::GgufFile& file);

std::string size_in_words(int64_t bytes);             // "636.18 MiB"
std::string parameters_in_words(int64_t parameters);  // "1.10 B"

}  // namespace ix::cli
