#include "backend/xla/gemm/sharded_weights.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>

#include "base/checked_math.h"
#include "base/page_buffer.h"

namespace ix::backend::xla {
namespace {

// Columns [256 block, +256) of rows [first_row, first_row + rows): out [256, rows]. Rows from `end`
// on are zeros.
void gather_block(PanelFunction panel, int64_t first_row, int64_t rows, int64_t end, int64_t block,
                  uint16_t* out, ThreadPool& pool) {
  pool.run(ceil_div(rows, kPanelRows), [&](int64_t index, int /*thread*/) {
    const int64_t begin = index * kPanelRows;
    const int64_t count = std::min(kPanelRows, rows - begin);
    std::array<uint16_t, kPanelDepth * kPanelRows> halves{};
    if (first_row + begin < end) panel(first_row + begin, block, halves.data());
    for (int64_t k = 0; k < kPanelDepth; ++k) {
      std::copy_n(halves.data() + k * kPanelRows, count, out + k * rows + begin);
    }
  });
}

}  // namespace

Result<std::shared_ptr<const ShardedWeights>> ShardedWeights::upload(
    const std::shared_ptr<Runtime>& runtime, int64_t rows, int64_t k, int copies,
    PanelFunction panel, ThreadPool& pool) {
  IX_CHECK(rows > 0 && k > 0 && k % kPanelDepth == 0 && runtime->ranks() % copies == 0);
  std::shared_ptr<ShardedWeights> weights(new ShardedWeights(runtime, rows, k, copies));
  weights->tensors_.resize(static_cast<size_t>(runtime->ranks()));
  const int cores = weights->cores_of_copy();
  weights->rows_of_core_ = ceil_div<int64_t>(rows, cores);
  for (int place = 0; place < cores; ++place) {
    IX_RETURN_IF_ERROR(weights->fill(place, panel, pool));
  }
  return std::shared_ptr<const ShardedWeights>(std::move(weights));
}

// The core at this place of every group.
Status ShardedWeights::fill(int place, PanelFunction panel, ThreadPool& pool) {
  const hlo::Shape shape = {hlo::ElementType::f16, {k_, rows_of_core_}};
  const int64_t block_bytes = kPanelDepth * rows_of_core_ * int64_t{sizeof(uint16_t)};
  std::vector<std::unique_ptr<Upload>> uploads;
  for (int copy = 0; copy < copies_; ++copy) {
    const int rank = copy * cores_of_copy() + place;
    IX_ASSIGN_OR_RETURN(auto upload,
                        runtime_->upload(rank, shape, fmt::format("weights [{}, {}]", rows_, k_)));
    uploads.push_back(std::move(upload));
  }
  IX_ASSIGN_OR_RETURN(const PageBuffer block,
                      PageBuffer::allocate(static_cast<uint64_t>(block_bytes)));
  for (int64_t b = 0; b < k_ / kPanelDepth; ++b) {
    gather_block(panel, place * rows_of_core_, rows_of_core_, rows_, b,
                 reinterpret_cast<uint16_t*>(block.data()), pool);
    for (const auto& upload : uploads) {
      IX_RETURN_IF_ERROR(upload->write(b * block_bytes, block.bytes()));
    }
  }
  for (int copy = 0; copy < copies_; ++copy) {
    IX_ASSIGN_OR_RETURN(tensors_[static_cast<size_t>(copy * cores_of_copy() + place)],
                        uploads[static_cast<size_t>(copy)]->finish());
  }
  return ok_status();
}

}  // namespace ix::backend::xla
