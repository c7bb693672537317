// Reads the file that llama-perplexity writes with --kl-divergence-base.
//
// Layout: "_logits_", i32 n_ctx, i32 vocab, i32 chunks, i32 tokens[chunks * n_ctx], then for each
// chunk and each scored position (n_ctx / 2 .. n_ctx - 2) a row: f32 scale, f32 lowest
// log-probability, u16 steps[vocab] (padded to an even count). log p = lowest + scale * step;
// whatever lies more than 16 below the best logit is raised to that.
#pragma once

#include <cstdint>
#include <fstream>
#include <span>
#include <string>
#include <vector>

#include "base/result.h"

namespace ix::golden {

class LogProbabilityFile {
 public:
  static Result<LogProbabilityFile> open(const std::string& path);

  int context() const { return context_; }
  int vocab() const { return vocab_; }
  int chunks() const { return chunks_; }
  std::span<const int32_t> chunk_tokens(int chunk) const;

  // Rows come in order; out [vocab] gets natural log-probabilities.
  Status next_row(std::span<float> out);

 private:
  std::ifstream in_;
  int32_t context_ = 0;
  int32_t vocab_ = 0;
  int32_t chunks_ = 0;
  std::vector<int32_t> tokens_;
  std::vector<uint16_t> row_;
};

// Log-probabilities [vocab] of logits, after the 16-bit rounding that the file's rows went through,
// so that two engines are compared on equal terms.
void rounded_log_probabilities(std::span<const float> logits, std::span<float> out);

// Exact log-probabilities of logits.
void log_probabilities(std::span<const float> logits, std::span<float> out);

}  // namespace ix::golden
