#include "bench/packed_products.h"

#include <fmt/format.h>

#include <chrono>
#include <memory>
#include <random>
#include <utility>

#include "backend/cpu/kernels/matrix_dispatch.h"
#include "base/page_buffer.h"
#include "bench/packed_weights.h"
#include "bench/weight_types.h"

namespace ix::cli {
namespace {

namespace cpu = backend::cpu;
using Clock = std::chrono::steady_clock;

class PackedProducts : public GemmProducts {
 public:
  explicit PackedProducts(PackedWeights weights) : weights_(std::move(weights)) {}

  int64_t weight_bytes() const override { return matrix().bytes(); }
  int64_t copies() const override { return weights_.count(); }
  int64_t column_bytes() const override {
    return cpu::activation_bytes(matrix().activation(), matrix().cols(), 1) +
           matrix().rows() * static_cast<int64_t>(sizeof(float));
  }

  Status prepare(cpu::Isa isa, int64_t n, int threads) override {
    kernels_ = &cpu::matrix_kernels(isa);
    n_ = n;
    IX_ASSIGN_OR_RETURN(activations_,
                        PageBuffer::allocate(static_cast<uint64_t>(
                            cpu::activation_bytes(matrix().activation(), matrix().cols(), n))));
    IX_ASSIGN_OR_RETURN(
        scratch_, PageBuffer::allocate(static_cast<uint64_t>(threads * kernels_->scratch_bytes)));
    quantize_columns();
    results_.resize(static_cast<size_t>(n * matrix().rows()));
    return ok_status();
  }

  Status multiply(ThreadPool& pool) override {
    weights_.at(next_).matmul(*kernels_, pool, activations(), n_, results_.data(), matrix().rows(),
                              scratch_.data());
    next_ = (next_ + 1) % weights_.count();
    return ok_status();
  }

  void add_fields(Json& fields) const override {
    fields["packed_bytes"] = matrix().bytes();
    fields["quantize_ns_per_row"] = quantize_ns_per_row_;
    fields["pack_gbs"] = weights_.pack_bytes_per_second() / 1e9;
  }

 private:
  const cpu::PackedMatrix& matrix() const { return weights_.at(0); }
  uint8_t* activations() const { return reinterpret_cast<uint8_t*>(activations_.data()); }

  // Normally distributed, as the kernels read them.
  void quantize_columns() {
    const cpu::ActivationKind kind = matrix().activation();
    std::mt19937 random(1);
    std::normal_distribution<float> normal;
    std::vector<float> row(static_cast<size_t>(matrix().cols()));
    double ns = 0;
    for (int64_t j = 0; j < n_; ++j) {
      for (float& value : row) value = normal(random);
      const auto begin = Clock::now();
      cpu::quantize_row(kernels_->quantize[static_cast<int>(kind)], kind, row.data(),
                        matrix().cols(), j, n_, activations());
      ns += std::chrono::duration<double, std::nano>(Clock::now() - begin).count();
    }
    quantize_ns_per_row_ = ns / static_cast<double>(n_);
  }

  PackedWeights weights_;
  const cpu::MatrixKernels* kernels_ = nullptr;
  int64_t n_ = 0;
  int64_t next_ = 0;  // copy
  PageBuffer activations_;
  PageBuffer scratch_;
  std::vector<float> results_;      // [n, rows]
  double quantize_ns_per_row_ = 0;  // on one thread
};

GemmKind kind_of(quant::TensorType type) {
  const std::string name = quant::type_name(type);
  return {name,
          {{"type", name}},
          [type](int64_t m, int64_t k, int64_t working_set,
                 ThreadPool& pool) -> Result<std::unique_ptr<GemmProducts>> {
            IX_ASSIGN_OR_RETURN(PackedWeights weights,
                                PackedWeights::create(type, m, k, working_set, pool));
            return std::make_unique<PackedProducts>(std::move(weights));
          }};
}

}  // namespace

Result<std::vector<GemmKind>> packed_kinds(const std::vector<std::string>& types) {
  const std::vector<quant::TensorType> packable = packable_types();
  std::vector<std::string> names;
  names.reserve(packable.size());
  for (const quant::TensorType type : packable) names.push_back(quant::type_name(type));
  IX_ASSIGN_OR_RETURN(
      const std::vector<quant::TensorType> chosen,
      parse_types(types, packable, fmt::format("some of {}", fmt::join(names, ", "))));
  std::vector<GemmKind> kinds;
  kinds.reserve(chosen.size());
  for (const quant::TensorType type : chosen) kinds.push_back(kind_of(type));
  return kinds;
}

}  // namespace ix::cli
