// Speed of matrix products, by kind of weights, instruction set and shape.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "base/status.h"
#include "bench/bench_output.h"

namespace ix::cli {

struct GemmBenchOptions {
  std::vector<int64_t> m = {4096};                  // rows of the weights
  std::vector<int64_t> n = {1, 4, 8, 16, 32, 512};  // columns: rows of activations
  std::vector<int64_t> k = {4096};
  bool exact = false;              // Q4_K × FP16 → FP32 instead of packed weights × 8 bits
  std::vector<std::string> types;  // "q4_K", in any case; empty: every type that there is
  std::vector<std::string> isas;   // empty: the best, or IX_CPU_ISA's; "all": every one
  std::vector<int64_t> threads;    // empty: what the machine allows
  // Bytes of copies of the weights that products take in turn, at least; 0: one copy; nothing: four
  // times the last level cache.
  std::optional<int64_t> working_set;
  int repetitions = 5;
  OutputFormat format = OutputFormat::markdown;
  bool no_limits = false;
};

Status run_gemm_bench(const GemmBenchOptions& options);

}  // namespace ix::cli
