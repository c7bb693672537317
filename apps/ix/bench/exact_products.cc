#include "bench/exact_products.h"

#include <algorithm>
#include <memory>
#include <random>
#include <span>
#include <utility>

#include "backend/cpu/gemm_exact.h"
#include "backend/cpu/kernels/gemm_exact_dispatch.h"
#include "base/checked_math.h"
#include "base/float16.h"
#include "base/page_buffer.h"
#include "bench/weight_types.h"
#include "bench/working_set.h"
#include "quant/blocks.h"

namespace ix::cli {
namespace {

namespace cpu = backend::cpu;

constexpr quant::TensorType kType = quant::TensorType::q4_k;

// Random scales and quants. d = dmin are of a size that models have: every weight is a multiple of
// d, none a subnormal half, which some CPUs convert slowly.
std::vector<quant::BlockQ4K> random_blocks(int64_t count) {
  std::mt19937 random(1);
  std::vector<quant::BlockQ4K> blocks(static_cast<size_t>(count));
  for (quant::BlockQ4K& block : blocks) {
    block.d = float_to_half(0.01F);
    block.dmin = block.d;
    for (uint8_t& scale : block.scales) scale = static_cast<uint8_t>(random());
    for (uint8_t& quants : block.qs) quants = static_cast<uint8_t>(random());
  }
  return blocks;
}

// Copies of A, in one form.
struct ExactWeights {
  PageBuffer storage;                   // of blocks
  std::vector<cpu::Q4KRows> blocks;     // [copies] in storage, or none
  std::vector<cpu::HalfMatrix> halves;  // [copies], or none
};

using Create = Result<ExactWeights> (*)(int64_t m, int64_t k, int64_t working_set,
                                        ThreadPool& pool);

Result<ExactWeights> create_blocks(int64_t m, int64_t k, int64_t working_set,
                                   ThreadPool& /*pool*/) {
  IX_ASSIGN_OR_RETURN(const int64_t row_bytes, quant::row_bytes(kType, k));
  const int64_t bytes = m * row_bytes;
  const int64_t copies = copies_of(bytes, working_set);
  IX_RETURN_IF_ERROR(check_room("weights", (copies + 1) * bytes));
  const std::vector<quant::BlockQ4K> source = random_blocks(m * k / quant::kSuperBlock);
  ExactWeights out;
  IX_ASSIGN_OR_RETURN(out.storage, PageBuffer::allocate(static_cast<uint64_t>(copies * bytes)));
  for (int64_t i = 0; i < copies; ++i) {
    std::byte* const copy = out.storage.data() + i * bytes;
    std::ranges::copy(std::as_bytes(std::span(source)), copy);
    out.blocks.push_back({copy, row_bytes, m, k});
  }
  return out;
}

Result<ExactWeights> create_halves(int64_t m, int64_t k, int64_t working_set, ThreadPool& pool) {
  IX_ASSIGN_OR_RETURN(const int64_t row_bytes, quant::row_bytes(kType, k));
  const int64_t bytes = round_up<int64_t>(m, cpu::kExactRows) * k * int64_t{sizeof(uint16_t)};
  const int64_t copies = copies_of(bytes, working_set);
  IX_RETURN_IF_ERROR(check_room("weights", m * row_bytes + copies * bytes));
  const std::vector<quant::BlockQ4K> source = random_blocks(m * k / quant::kSuperBlock);
  const cpu::Q4KRows rows = {reinterpret_cast<const std::byte*>(source.data()), row_bytes, m, k};
  ExactWeights out;
  for (int64_t i = 0; i < copies; ++i) {
    // Halves are the same whatever instruction set packs them.
    IX_ASSIGN_OR_RETURN(auto matrix,
                        cpu::HalfMatrix::pack(cpu::exact_kernels(cpu::best_isa()), rows, pool));
    out.halves.push_back(std::move(matrix));
  }
  return out;
}

class ExactProducts : public GemmProducts {
 public:
  ExactProducts(int64_t m, int64_t k, ExactWeights weights)
      : m_(m), k_(k), weights_(std::move(weights)) {}

  int64_t weight_bytes() const override {
    return blocks() ? m_ * weights_.blocks[0].row_bytes : weights_.halves[0].bytes();
  }
  int64_t copies() const override {
    return static_cast<int64_t>(blocks() ? weights_.blocks.size() : weights_.halves.size());
  }
  int64_t column_bytes() const override {
    return k_ * int64_t{sizeof(uint16_t)} + m_ * int64_t{sizeof(float)};
  }

  Status prepare(cpu::Isa isa, int64_t n, int /*threads*/) override {
    kernels_ = &cpu::exact_kernels(isa);
    n_ = n;
    b_.resize(static_cast<size_t>(k_ * n));
    std::mt19937 random(1);
    std::normal_distribution<float> normal;
    for (uint16_t& value : b_) value = float_to_half(normal(random));
    c_.resize(static_cast<size_t>(m_ * n));
    return ok_status();
  }

  Status multiply(ThreadPool& pool) override {
    const backend::GemmLayout layout = {n_, n_, n_, false};
    const backend::GemmOperands operands = {b_.data(), c_.data()};
    const auto copy = static_cast<size_t>(next_);
    next_ = (next_ + 1) % copies();
    return blocks() ? cpu::gemm_exact(*kernels_, weights_.blocks[copy], layout, {&operands, 1},
                                      pool, workspace_)
                    : cpu::gemm_exact(*kernels_, weights_.halves[copy], layout, {&operands, 1},
                                      pool, workspace_);
  }

  void add_fields(Json& fields) const override { fields["weight_bytes"] = weight_bytes(); }

 private:
  bool blocks() const { return !weights_.blocks.empty(); }

  int64_t m_;
  int64_t k_;
  ExactWeights weights_;
  const cpu::ExactKernels* kernels_ = nullptr;
  int64_t n_ = 0;
  int64_t next_ = 0;         // copy
  std::vector<uint16_t> b_;  // halves [k, n]
  std::vector<float> c_;     // [m, n]
  cpu::GemmWorkspace workspace_;
};

GemmKind kind_of(const std::string& form, Create create) {
  return {form,
          {{"type", quant::type_name(kType)}, {"weights", form}},
          [create](int64_t m, int64_t k, int64_t working_set,
                   ThreadPool& pool) -> Result<std::unique_ptr<GemmProducts>> {
            IX_ASSIGN_OR_RETURN(ExactWeights weights, create(m, k, working_set, pool));
            return std::make_unique<ExactProducts>(m, k, std::move(weights));
          }};
}

}  // namespace

Result<std::vector<GemmKind>> exact_kinds(const std::vector<std::string>& types) {
  const std::vector<quant::TensorType> known = {kType};
  IX_RETURN_IF_ERROR(parse_types(types, known, quant::type_name(kType) + " with --exact").status());
  return std::vector<GemmKind>{kind_of("blocks", create_blocks), kind_of("halves", create_halves)};
}

}  // namespace ix::cli
