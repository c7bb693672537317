// Speed of a model: prompts, and decoding of one stream or several, as llama-bench measures it.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "base/status.h"
#include "bench/bench_output.h"

namespace ix::cli {

struct ModelBenchOptions {
  std::vector<std::string> models;  // files
  std::vector<int64_t> prompt = {512};
  std::vector<int64_t> generate = {128};
  std::vector<int64_t> depth = {0};     // positions that are in the KV cache before a test
  std::vector<int64_t> parallel = {1};  // streams that decode together
  std::vector<int64_t> threads;         // empty: what the machine allows
  std::vector<int64_t> batch = {512};   // most tokens of a step
  int repetitions = 5;
  OutputFormat format = OutputFormat::markdown;
  std::string isa;
  bool no_pack = false;
  bool no_warmup = false;
  bool no_limits = false;
  // Decoding takes turns with reading as many bytes in order.
  bool by_turns = false;
};

Status run_model_bench(const ModelBenchOptions& options);

}  // namespace ix::cli
