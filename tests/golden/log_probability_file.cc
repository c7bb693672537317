#include "golden/log_probability_file.h"

#include <algorithm>
#include <cmath>
#include <cstring>

namespace ix::golden {
namespace {

constexpr float kDepth = 16.0F;
constexpr float kSteps = 65535.0F;

double log_sum_exp(std::span<const float> logits, float best) {
  double sum = 0;
  for (const float logit : logits) sum += std::exp(static_cast<double>(logit) - best);
  return best + std::log(sum);
}

}  // namespace

Result<LogProbabilityFile> LogProbabilityFile::open(const std::string& path) {
  LogProbabilityFile file;
  file.in_.open(path, std::ios::binary);
  char magic[8];
  if (!file.in_.read(magic, sizeof(magic)) || std::memcmp(magic, "_logits_", 8) != 0) {
    return corrupt(path + ": not a file of log-probabilities");
  }
  const auto read_int = [&file](int32_t& out) {
    return static_cast<bool>(file.in_.read(reinterpret_cast<char*>(&out), sizeof(out)));
  };
  if (!read_int(file.context_) || !read_int(file.vocab_) || !read_int(file.chunks_) ||
      file.context_ < 2 || file.context_ > 1 << 20 || file.vocab_ < 1 || file.vocab_ > 1 << 24 ||
      file.chunks_ < 1 || file.chunks_ > 1 << 16) {
    return corrupt(path + ": bad header");
  }
  file.tokens_.resize(static_cast<size_t>(file.context_) * static_cast<size_t>(file.chunks_));
  const auto bytes = static_cast<std::streamsize>(file.tokens_.size() * sizeof(int32_t));
  if (!file.in_.read(reinterpret_cast<char*>(file.tokens_.data()), bytes)) {
    return corrupt(path + ": ends within the tokens");
  }
  file.row_.resize(static_cast<size_t>((file.vocab_ + 1) / 2 * 2 + 4));
  return file;
}

std::span<const int32_t> LogProbabilityFile::chunk_tokens(int chunk) const {
  return std::span(tokens_).subspan(static_cast<size_t>(chunk) * static_cast<size_t>(context_),
                                    static_cast<size_t>(context_));
}

Status LogProbabilityFile::next_row(std::span<float> out) {
  const auto bytes = static_cast<std::streamsize>(row_.size() * sizeof(uint16_t));
  if (!in_.read(reinterpret_cast<char*>(row_.data()), bytes)) return corrupt("no more rows");
  float header[2];
  std::memcpy(header, row_.data(), sizeof(header));
  for (size_t i = 0; i < out.size(); ++i) {
    out[i] = header[1] + header[0] * static_cast<float>(row_[i + 4]);
  }
  return ok_status();
}

void rounded_log_probabilities(std::span<const float> logits, std::span<float> out) {
  const auto [lowest, best] = std::minmax_element(logits.begin(), logits.end());
  const float bottom = std::max(*lowest, *best - kDepth);
  const float scale = (*best - bottom) / kSteps;
  const auto low = static_cast<float>(bottom - log_sum_exp(logits, *best));
  for (size_t i = 0; i < logits.size(); ++i) {
    const float step = scale > 0 ? std::round(std::max(logits[i] - bottom, 0.0F) / scale) : 0.0F;
    out[i] = low + scale * step;
  }
}

void log_probabilities(std::span<const float> logits, std::span<float> out) {
  const float best = *std::max_element(logits.begin(), logits.end());
  const double sum = log_sum_exp(logits, best);
  for (size_t i = 0; i < logits.size(); ++i) out[i] = static_cast<float>(logits[i] - sum);
}

}  // namespace ix::golden
