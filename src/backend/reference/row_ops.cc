#include "backend/reference/row_ops.h"

#include <algorithm>
#include <cmath>
#include <numbers>

namespace ix::backend::reference {
namespace {

float silu(float x) { return x / (1.0F + std::exp(-x)); }

// 0.5 x (1 + tanh(sqrt(2 / pi) (x + 0.044715 x^3))): Hendrycks and Gimpel, arXiv 1606.08415.
float gelu_tanh(float x) {
  constexpr float kRoot = static_cast<float>(std::numbers::sqrt2 * std::numbers::inv_sqrtpi);
  return 0.5F * x * (1.0F + std::tanh(kRoot * (x + 0.044715F * x * x * x)));
}

}  // namespace

void rms_norm(std::span<const float> in, std::span<const float> weight, float eps, int64_t group,
              std::span<float> out) {
  const auto size = static_cast<size_t>(group);
  for (size_t begin = 0; begin < in.size(); begin += size) {
    double squares = 0;
    for (size_t i = 0; i < size; ++i) {
      squares += static_cast<double>(in[begin + i]) * static_cast<double>(in[begin + i]);
    }
    const double mean = squares / static_cast<double>(group);
    const auto factor = static_cast<float>(1.0 / std::sqrt(mean + static_cast<double>(eps)));
    for (size_t i = 0; i < size; ++i) out[begin + i] = in[begin + i] * factor * weight[i];
  }
}

void gated_activation(graph::Activation activation, std::span<const float> gate,
                      std::span<const float> up, std::span<float> out) {
  switch (activation) {
    case graph::Activation::silu:
      for (size_t i = 0; i < out.size(); ++i) out[i] = silu(gate[i]) * up[i];
      return;
    case graph::Activation::gelu_tanh:
      for (size_t i = 0; i < out.size(); ++i) out[i] = gelu_tanh(gate[i]) * up[i];
      return;
  }
}

void add(std::span<const float> a, std::span<const float> b, std::span<float> out) {
  for (size_t i = 0; i < out.size(); ++i) out[i] = a[i] + b[i];
}

void scale(std::span<const float> in, float factor, std::span<float> out) {
  for (size_t i = 0; i < out.size(); ++i) out[i] = in[i] * factor;
}

void soft_cap(std::span<const float> in, float cap, std::span<float> out) {
  for (size_t i = 0; i < out.size(); ++i) out[i] = cap * std::tanh(in[i] / cap);
}

void rotate(const graph::Rope& op, std::span<const float> cosines, std::span<const float> sines,
            std::span<const float> in, std::span<float> out) {
  const auto head_dim = static_cast<size_t>(op.head_dim);
  const auto pairs = static_cast<size_t>(op.rotary_dim) / 2;
  const bool interleaved = op.pairs == graph::RopePairs::interleaved;
  std::copy(in.begin(), in.end(), out.begin());
  for (size_t head = 0; head < in.size(); head += head_dim) {
    for (size_t i = 0; i < pairs; ++i) {
      const size_t x = head + (interleaved ? 2 * i : i);
      const size_t y = head + (interleaved ? 2 * i + 1 : i + pairs);
      out[x] = in[x] * cosines[i] - in[y] * sines[i];
      out[y] = in[x] * sines[i] + in[y] * cosines[i];
    }
  }
}

}  // namespace ix::backend::reference
