#include "backend/xla/gemm/gemm_device.h"

#include <fmt/format.h>

#include <algorithm>
#include <cstring>
#include <deque>
#include <utility>

#include "backend/xla/gemm/gemm_programs.h"
#include "base/checked_math.h"
#include "base/float16.h"
#include "base/page_buffer.h"
#include "quant/blocks.h"

namespace ix::backend::xla {
namespace {

using quant::BlockQ4K;

constexpr int64_t kWeightsOfBlock = 256;
constexpr int64_t kSubBlocks = 8;

// Executions of one call, with what they read. The memory that they write outlives it.
template <typename Inputs>
class Posted {
 public:
  Posted() = default;
  Posted(const Posted&) = delete;
  Posted& operator=(const Posted&) = delete;
  ~Posted() {
    for (Entry& entry : entries_) entry.done.wait();
  }

  // Waits for the oldest first where the queue has enough to do: then its status.
  Status make_room() {
    return entries_.size() < DeviceQueue::kMostInFlight ? ok_status() : end_oldest();
  }
  void add(Inputs inputs, std::future<Status> done) {
    entries_.push_back({std::move(inputs), std::move(done)});
  }
  Status end_all() {
    while (!entries_.empty()) IX_RETURN_IF_ERROR(end_oldest());
    return ok_status();
  }

 private:
  struct Entry {
    Inputs inputs;
    std::future<Status> done;
  };
  Status end_oldest() {
    Status status = entries_.front().done.get();
    entries_.pop_front();
    return status;
  }

  std::deque<Entry> entries_;
};

using Halves = std::vector<uint16_t>;

// Columns [first, first + width) of the batch as b [k, bucket], zeros behind them.
Halves padded_columns(const GemmColumns& columns, int64_t first, int64_t width, int64_t k,
                      int64_t bucket) {
  constexpr int64_t kTransposed = 32;  // rows of B that are read side by side
  Halves b(static_cast<size_t>(k * bucket));
  const int64_t ldb = columns.layout().ldb;
  const bool transposed = columns.layout().b_transposed;
  columns.for_each_run(
      first, width, [&](const GemmOperands& operands, int64_t column, int64_t at, int64_t run) {
        if (!transposed) {
          for (int64_t i = 0; i < k; ++i) {
            std::copy_n(operands.b + i * ldb + column, run, b.data() + i * bucket + at);
          }
          return;
        }
        for (int64_t begin = 0; begin < run; begin += kTransposed) {
          const int64_t end = std::min(begin + kTransposed, run);
          for (int64_t i = 0; i < k; ++i) {
            for (int64_t j = begin; j < end; ++j) {
              b[static_cast<size_t>(i * bucket + at + j)] = operands.b[(column + j) * ldb + i];
            }
          }
        }
      });
  return b;
}

// How a batch's columns are cut: in step s group g multiplies `width` of them from
// (s groups + g) width on.
struct Cut {
  int64_t columns;
  int64_t groups;
  int64_t width;
  int64_t bucket;
  int64_t steps;

  Cut(int64_t all, int64_t of_groups)
      : columns(all),
        groups(of_groups),
        width(std::min(kMostColumns, ceil_div(all, of_groups))),
        bucket(column_bucket(width)),
        steps(ceil_div(all, of_groups * width)) {}

  int64_t first(int64_t step, int64_t group) const { return (step * groups + group) * width; }
  // May be 0 or less: nothing is left for the group.
  int64_t count(int64_t step, int64_t group) const {
    return std::min(width, columns - first(step, group));
  }
};

// Results of all steps until none can fail any more.
class StagedResults {
 public:
  static Result<StagedResults> make(const ShardedWeights& weights, const Cut& cut) {
    StagedResults results(weights, cut);
    const auto bytes = checked_mul(results.bytes_of_rank_, cut.steps * results.ranks());
    if (!bytes) return resource_exhausted("the results are too large");
    IX_ASSIGN_OR_RETURN(results.memory_, PageBuffer::allocate(static_cast<uint64_t>(*bytes)));
    return results;
  }

  // What a rank computes in a step.
  std::span<std::byte> of(int64_t step, int64_t rank) const {
    return memory_.bytes().subspan(static_cast<size_t>((step * ranks() + rank) * bytes_of_rank_),
                                   static_cast<size_t>(bytes_of_rank_));
  }

  void store(const GemmColumns& columns) const {
    for (int64_t step = 0; step < cut_.steps; ++step) {
      for (int64_t rank = 0; rank < ranks(); ++rank) store(columns, step, rank);
    }
  }

 private:
  StagedResults(const ShardedWeights& weights, const Cut& cut)
      : weights_(weights),
        cut_(cut),
        bytes_of_rank_(weights.rows_of_core() * cut.bucket * int64_t{sizeof(float)}) {}

  int64_t ranks() const { return int64_t{weights_.copies()} * weights_.cores_of_copy(); }

  void store(const GemmColumns& columns, int64_t step, int64_t rank) const {
    const int64_t group = rank / weights_.cores_of_copy();
    const int64_t first_row = rank % weights_.cores_of_copy() * weights_.rows_of_core();
    const int64_t rows = std::min(weights_.rows_of_core(), weights_.rows() - first_row);
    const int64_t ldc = columns.layout().ldc;
    const auto* results = reinterpret_cast<const float*>(of(step, rank).data());
    columns.for_each_run(
        cut_.first(step, group), cut_.count(step, group),
        [&](const GemmOperands& operands, int64_t column, int64_t at, int64_t run) {
          for (int64_t row = 0; row < rows; ++row) {
            std::copy_n(results + row * cut_.bucket + at, run,
                        operands.c + (first_row + row) * ldc + column);
          }
        });
  }

  const ShardedWeights& weights_;
  const Cut cut_;
  const int64_t bytes_of_rank_;
  PageBuffer memory_;
};

// What a core needs to dequantise `bucket` blocks, of which those behind `blocks` are empty.
struct UnpackedBlocks {
  UnpackedBlocks(std::span<const std::byte> blocks, int64_t bucket)
      : quants(static_cast<size_t>(bucket) * sizeof(BlockQ4K::qs)),
        scales(static_cast<size_t>(bucket * kSubBlocks)),
        minimums(static_cast<size_t>(bucket * kSubBlocks)) {
    for (size_t b = 0; b < blocks.size() / sizeof(BlockQ4K); ++b) {
      BlockQ4K block;
      std::memcpy(&block, blocks.data() + b * sizeof(BlockQ4K), sizeof(block));
      std::copy_n(block.qs, sizeof(block.qs), quants.data() + b * sizeof(block.qs));
      for (int j = 0; j < kSubBlocks; ++j) {
        const quant::ScaleMin packed = quant::unpack_scale_min(block.scales, j);
        const size_t at = b * kSubBlocks + static_cast<size_t>(j);
        scales[at] = half_to_float(block.d) * static_cast<float>(packed.scale);
        minimums[at] = half_to_float(block.dmin) * static_cast<float>(packed.min);
      }
    }
  }

  std::vector<std::span<const std::byte>> inputs() const {
    return {std::as_bytes(std::span(quants)), std::as_bytes(std::span(scales)),
            std::as_bytes(std::span(minimums))};
  }

  std::vector<uint8_t> quants;
  std::vector<float> scales;
  std::vector<float> minimums;
};

}  // namespace

GemmDevice::GemmDevice(std::shared_ptr<Runtime> runtime, const GemmDeviceOptions& options)
    : runtime_(std::move(runtime)),
      devices_(runtime_->ranks() / options.cores_per_device),
      programs_(*runtime_),
      queue_(*runtime_, options.execution_limit) {
  IX_CHECK(runtime_->ranks() % options.cores_per_device == 0);
}

int GemmDevice::groups(int64_t most) const {
  int groups = static_cast<int>(std::min<int64_t>(most, devices_));
  while (devices_ % groups != 0) --groups;
  return groups;
}

Result<std::shared_ptr<const ShardedWeights>> GemmDevice::upload(int64_t rows, int64_t k,
                                                                 int groups, PanelFunction panel,
                                                                 ThreadPool& pool) {
  auto weights = ShardedWeights::upload(runtime_, rows, k, groups, panel, pool);
  if (weights.status().code() != StatusCode::resource_exhausted) return weights;
  queue_.trim();
  return ShardedWeights::upload(runtime_, rows, k, groups, panel, pool);
}

Status GemmDevice::multiply(const ShardedWeights& weights, const GemmLayout& layout,
                            std::span<const GemmOperands> batch) {
  const Health now = health();
  if (now.state == HealthState::dead) return now.status;
  const GemmColumns columns(layout, batch);
  const Cut cut(columns.count(), weights.copies());
  IX_ASSIGN_OR_RETURN(const std::shared_ptr<Program> program,
                      programs_.gemm({weights.rows_of_core(), weights.k(), cut.bucket}));
  IX_ASSIGN_OR_RETURN(const StagedResults results, StagedResults::make(weights, cut));
  Posted<std::vector<Halves>> posted;
  for (int64_t step = 0; step < cut.steps; ++step) {
    IX_RETURN_IF_ERROR(posted.make_room());
    std::vector<Halves> inputs(static_cast<size_t>(weights.copies()));
    Execution execution;
    execution.program = program;
    for (int rank = 0; rank < cores(); ++rank) {
      const int group = rank / weights.cores_of_copy();
      Execution::Rank& part = execution.ranks.emplace_back();
      part.resident = {weights.tensor(rank)};
      part.inputs.resize(1);
      part.outputs.resize(1);
      const int64_t count = cut.count(step, group);
      if (count <= 0) continue;
      Halves& b = inputs[static_cast<size_t>(group)];
      if (b.empty()) {
        b = padded_columns(columns, cut.first(step, group), count, weights.k(), cut.bucket);
      }
      part.inputs.front() = std::as_bytes(std::span(b));
      part.outputs.front() = results.of(step, rank);
    }
    std::future<Status> done = queue_.post(std::move(execution));
    posted.add(std::move(inputs), std::move(done));
  }
  IX_RETURN_IF_ERROR(posted.end_all());
  results.store(columns);
  return ok_status();
}

Status GemmDevice::dequantize(std::span<const std::byte> blocks, int64_t most_cores, float* out) {
  const Health now = health();
  if (now.state == HealthState::dead) return now.status;
  const auto count = static_cast<int64_t>(blocks.size() / sizeof(BlockQ4K));
  const int64_t working = most_cores > 0 ? std::min<int64_t>(most_cores, cores()) : cores();
  const int64_t bucket = block_bucket(ceil_div(count, working));
  // Of a core, in one step; the last core may have less.
  const int64_t share = std::min(bucket, ceil_div(count, working));
  IX_ASSIGN_OR_RETURN(const std::shared_ptr<Program> program, programs_.dequantize(bucket));
  const int64_t steps = ceil_div(count, working * share);
  const int64_t bucket_bytes = bucket * kWeightsOfBlock * int64_t{sizeof(float)};
  const auto bytes = checked_mul(bucket_bytes, steps * working);
  if (!bytes) return resource_exhausted("the weights are too many");
  IX_ASSIGN_OR_RETURN(const PageBuffer results,
                      PageBuffer::allocate(static_cast<uint64_t>(*bytes)));
  const auto of_core = [&](int64_t step, int64_t core) {
    return results.bytes().subspan(static_cast<size_t>((step * working + core) * bucket_bytes),
                                   static_cast<size_t>(bucket_bytes));
  };
  const auto first = [&](int64_t step, int64_t core) { return (step * working + core) * share; };
  Posted<std::vector<UnpackedBlocks>> posted;
  for (int64_t step = 0; step < steps; ++step) {
    IX_RETURN_IF_ERROR(posted.make_room());
    std::vector<UnpackedBlocks> inputs;
    inputs.reserve(static_cast<size_t>(working));
    Execution execution;
    execution.program = program;
    for (int64_t core = 0; core < cores(); ++core) {
      Execution::Rank& part = execution.ranks.emplace_back();
      part.inputs.resize(3);
      part.outputs.resize(1);
      if (core >= working || first(step, core) >= count) continue;
      const int64_t own = std::min(share, count - first(step, core));
      inputs.emplace_back(blocks.subspan(static_cast<size_t>(first(step, core)) * sizeof(BlockQ4K),
                                         static_cast<size_t>(own) * sizeof(BlockQ4K)),
                          bucket);
      part.inputs = inputs.back().inputs();
      part.outputs.front() = of_core(step, core);
    }
    std::future<Status> done = queue_.post(std::move(execution));
    posted.add(std::move(inputs), std::move(done));
  }
  IX_RETURN_IF_ERROR(posted.end_all());
  for (int64_t step = 0; step < steps; ++step) {
    for (int64_t core = 0; core < working && first(step, core) < count; ++core) {
      const int64_t own = std::min(share, count - first(step, core));
      std::memcpy(out + first(step, core) * kWeightsOfBlock, of_core(step, core).data(),
                  static_cast<size_t>(own * kWeightsOfBlock) * sizeof(float));
    }
  }
  return ok_status();
}

void GemmDevice::close() {
  queue_.close();
  programs_.clear();
}

}  // namespace ix::backend::xla
