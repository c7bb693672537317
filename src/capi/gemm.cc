#include "capi/gemm.h"

#include <algorithm>
#include <cstring>
#include <utility>
#include <vector>

#include "backend/cpu/gemm_exact.h"
#include "backend/cpu/gemm_fast.h"
#include "capi/accelerator.h"

namespace ix::capi {
namespace {

using backend::cpu::HalfMatrix;
using backend::cpu::PackedMatrix;

backend::cpu::Q4KRows q4k_rows(const BlockMatrix& matrix) {
  return {reinterpret_cast<const std::byte*>(matrix.blocks),
          matrix.stride * int64_t{sizeof(ix_block_q4_K)}, matrix.rows, matrix.cols};
}

Result<PackedMatrix> pack_panels(const BlockMatrix& matrix, ThreadPool& pool) {
  const int64_t blocks = matrix.cols / IX_QK_K;
  quant::TensorView view;
  view.name = "A";
  view.type = quant::TensorType::q4_k;
  view.dims = {matrix.cols, matrix.rows, 1, 1};
  std::vector<ix_block_q4_K> dense;  // packing wants rows without gaps
  const ix_block_q4_K* source = matrix.blocks;
  if (matrix.stride != blocks && matrix.rows > 1) {
    dense.resize(static_cast<size_t>(matrix.rows * blocks));
    for (int64_t r = 0; r < matrix.rows; ++r) {
      std::copy_n(matrix.blocks + r * matrix.stride, blocks, dense.data() + r * blocks);
    }
    source = dense.data();
  }
  view.bytes = std::as_bytes(std::span(source, static_cast<size_t>(matrix.rows * blocks)));
  return PackedMatrix::pack(view, pool);
}

void write_zeros(const GemmWork& work) {
  const backend::GemmLayout& layout = work.operands.layout;
  if (layout.n == 0) return;  // C may be null
  for (const backend::GemmOperands& operands : work.operands.batch) {
    for (int64_t r = 0; r < work.blocks.rows; ++r) {
      std::fill_n(operands.c + r * layout.ldc, layout.n, 0.0F);
    }
  }
}

Status run_fast(Machine& machine, const GemmWork& work, const PackedMatrix& panels,
                const Cores::Loan& cores) {
  return gemm_fast(*machine.device().matrix, *machine.device().exact, panels, work.operands.layout,
                   work.operands.batch, cores.pool(), cores.workspace());
}

using Sharded = std::shared_ptr<const backend::xla::ShardedWeights>;

// A, dequantised by at most `threads` threads, in so many copies on the accelerator.
Result<Sharded> upload(Machine& machine, backend::xla::GemmDevice& accelerator,
                       const BlockMatrix& matrix, int copies, int threads) {
  IX_ASSIGN_OR_RETURN(const Cores::Loan cores, machine.cores().borrow(threads));
  const backend::cpu::ExactKernels& kernels = *machine.device().exact;
  static_assert(backend::xla::kPanelRows == backend::cpu::kExactRows);
  static_assert(backend::xla::kPanelDepth == backend::cpu::kExactDepth);
  const auto panel = [&](int64_t first_row, int64_t block, uint16_t* out) {
    const auto rows = std::min(backend::xla::kPanelRows, matrix.rows - first_row);
    kernels.dequantize(matrix.blocks + first_row * matrix.stride + block,
                       matrix.stride * int64_t{sizeof(ix_block_q4_K)}, static_cast<int>(rows), out);
  };
  return accelerator.upload(matrix.rows, matrix.cols, copies, panel, cores.pool());
}

Status run_accelerated(Machine& machine, backend::xla::GemmDevice& accelerator,
                       const GemmWork& work, int threads) {
  Sharded weights = work.weights == nullptr ? nullptr : work.weights->sharded;
  if (weights == nullptr) {
    const int copies = accelerator.groups(work.most_groups);
    IX_ASSIGN_OR_RETURN(weights, upload(machine, accelerator, work.blocks, copies, threads));
  }
  return accelerator.multiply(*weights, work.operands.layout, work.operands.batch);
}

}  // namespace

Result<GemmWork> check_gemm(const ix_block_q4_K* a, std::span<const ix_fp16* const> b,
                            std::span<float* const> c, int64_t m, int64_t n, int64_t k,
                            const ix_gemm_options* options) {
  IX_ASSIGN_OR_RETURN(const ix_gemm_options known, read_gemm_options(options));
  GemmWork work;
  work.exact = known.precision == IX_PRECISION_EXACT;
  IX_ASSIGN_OR_RETURN(work.blocks, check_blocks(a, m, k, known));
  IX_ASSIGN_OR_RETURN(work.operands, check_operands(m, n, k, b, c, known));
  return work;
}

Status run_gemm(Machine& machine, const GemmWork& work, int threads) {
  if (!work.needs_weights()) {
    write_zeros(work);
    return ok_status();
  }
  IX_ASSIGN_OR_RETURN(const auto accelerator, machine.accelerator());
  if (accelerator != nullptr) {
    return after_use(*accelerator, run_accelerated(machine, *accelerator, work, threads));
  }
  IX_ASSIGN_OR_RETURN(const Cores::Loan cores, machine.cores().borrow(threads));
  if (!work.exact) {
    if (work.weights != nullptr) return run_fast(machine, work, work.weights->panels, cores);
    IX_ASSIGN_OR_RETURN(const PackedMatrix panels, pack_panels(work.blocks, cores.pool()));
    return run_fast(machine, work, panels, cores);
  }
  const backend::cpu::ExactKernels& kernels = *machine.device().exact;
  const CheckedOperands& operands = work.operands;
  if (work.weights != nullptr) {
    return gemm_exact(kernels, work.weights->halves, operands.layout, operands.batch, cores.pool(),
                      cores.workspace());
  }
  return gemm_exact(kernels, q4k_rows(work.blocks), operands.layout, operands.batch, cores.pool(),
                    cores.workspace());
}

Status submit_gemm(GemmWork work, ix_stream* stream) {
  IX_ASSIGN_OR_RETURN(Machine* const machine, Runtime::get().machine());
  if (stream == nullptr) return run_gemm(*machine, work, 0);
  IX_ASSIGN_OR_RETURN(const std::shared_ptr<Stream> queue, Runtime::get().find(stream));
  return queue->enqueue([machine, threads = queue->threads(), work = std::move(work)] {
    return run_gemm(*machine, work, threads);
  });
}

Status gemm(const ix_block_q4_K* a, const ix_fp16* b, float* c, int64_t m, int64_t n, int64_t k,
            const ix_gemm_options* options, ix_stream* stream) {
  IX_ASSIGN_OR_RETURN(GemmWork work, check_gemm(a, {&b, 1}, {&c, 1}, m, n, k, options));
  return submit_gemm(std::move(work), stream);
}

Status gemm_packed(const ix_gemm_weights* weights, const ix_fp16* b, float* c, int64_t n,
                   const ix_gemm_options* options, ix_stream* stream) {
  IX_ASSIGN_OR_RETURN(const ix_gemm_options known, read_gemm_options(options));
  GemmWork work;
  IX_ASSIGN_OR_RETURN(work.weights, Runtime::get().find(weights));
  work.exact = work.weights->exact;
  work.blocks = {nullptr, work.weights->rows, work.weights->cols, 0};
  IX_ASSIGN_OR_RETURN(work.operands, check_operands(work.blocks.rows, n, work.blocks.cols, {&b, 1},
                                                    {&c, 1}, known));
  return submit_gemm(std::move(work), stream);
}

Result<std::shared_ptr<const Weights>> make_weights(Machine& machine, const BlockMatrix& blocks,
                                                    bool exact, int threads) {
  auto weights = std::make_shared<Weights>();
  weights->rows = blocks.rows;
  weights->cols = blocks.cols;
  weights->exact = exact;
  IX_ASSIGN_OR_RETURN(const auto accelerator, machine.accelerator());
  if (accelerator != nullptr) {
    Result<Sharded> sharded = upload(machine, *accelerator, blocks, 1, threads);
    if (!sharded.ok()) return after_use(*accelerator, sharded.status());
    weights->sharded = *std::move(sharded);
    return std::shared_ptr<const Weights>(std::move(weights));
  }
  IX_ASSIGN_OR_RETURN(const Cores::Loan cores, machine.cores().borrow(threads));
  if (exact) {
    IX_ASSIGN_OR_RETURN(weights->halves,
                        HalfMatrix::pack(*machine.device().exact, q4k_rows(blocks), cores.pool()));
  } else {
    IX_ASSIGN_OR_RETURN(weights->panels, pack_panels(blocks, cores.pool()));
  }
  return std::shared_ptr<const Weights>(std::move(weights));
}

Status pack_weights(const ix_block_q4_K* a, int64_t m, int64_t k, const ix_gemm_options* options,
                    ix_gemm_weights** weights) {
  if (weights == nullptr) return invalid_argument("the place for the handle is NULL");
  IX_ASSIGN_OR_RETURN(const ix_gemm_options known, read_gemm_options(options));
  if (m == 0 || k == 0) return invalid_argument("M and K must be above 0");
  IX_ASSIGN_OR_RETURN(const BlockMatrix blocks, check_blocks(a, m, k, known));
  IX_ASSIGN_OR_RETURN(Machine* const machine, Runtime::get().machine());
  const bool exact = known.precision == IX_PRECISION_EXACT;
  IX_ASSIGN_OR_RETURN(auto packed, make_weights(*machine, blocks, exact, 0));
  *weights = Runtime::get().weights.insert(std::move(packed));
  return ok_status();
}

Status free_weights(ix_gemm_weights* weights) {
  if (weights == nullptr || Runtime::get().weights.remove(weights) != nullptr) return ok_status();
  return Runtime::get().find(weights).status();
}

}  // namespace ix::capi
