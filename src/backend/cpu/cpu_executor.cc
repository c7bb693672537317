#include "backend/cpu/cpu_executor.h"

#include <fmt/format.h>

#include <algorithm>
#include <cstring>
#include <exception>

#include "backend/cpu/cpu_model.h"
#include "backend/cpu/kernels/matrix_dispatch.h"
#include "backend/cpu/kernels/vector_dispatch.h"
#include "backend/cpu/memory_plan.h"
#include "backend/cpu/plan.h"
#include "backend/kv_geometry.h"
#include "backend/row_results.h"
#include "backend/step_validation.h"
#include "base/host_limits.h"
#include "base/thread_pool.h"

namespace ix::backend::cpu {
namespace {

class CpuExecutor final : public Executor {
 public:
  static Result<std::unique_ptr<Executor>> open(std::shared_ptr<const CpuModel> model,
                                                const ExecutorOptions& options) {
    const graph::Decoder& decoder = model->decoder();
    IX_ASSIGN_OR_RETURN(KvInfo kv, paged_kv(decoder, options, sizeof(uint16_t)));
    const int threads = options.threads > 0 ? options.threads : default_threads();
    const BufferSizes sizes = BufferSizes::of(decoder, options, matrix_kernels(model->isa()));
    IX_RETURN_IF_ERROR(check_fits(*model, options, kv, sizes, threads));
    IX_ASSIGN_OR_RETURN(KvCache cache, KvCache::create(decoder, kv));
    IX_ASSIGN_OR_RETURN(StepBuffers buffers, StepBuffers::create(decoder, sizes, threads));
    IX_ASSIGN_OR_RETURN(std::unique_ptr<ThreadPool> pool, ThreadPool::start(threads));
    return std::unique_ptr<Executor>(new CpuExecutor(std::move(model), std::move(kv),
                                                     std::move(cache), std::move(buffers), sizes,
                                                     std::move(pool)));
  }

  // Runs the step here, on the caller's thread and the pool's; wait() hands its result over.
  Result<Ticket> submit(const StepInput& input) override {
    if (in_flight_) {
      return resource_exhausted(
          fmt::format("step {} is in flight: wait for it before the next submit", ticket_));
    }
    const StepLimits limits{.vocab_size = model_->decoder().vocab_size, .max_rows = max_rows_};
    IX_RETURN_IF_ERROR(validate_step(input, limits, kv_));
    run_step(input);
    in_flight_ = true;
    return ++ticket_;
  }

  Result<StepOutput> wait(Ticket ticket, Deadline /*deadline*/) override {
    if (!in_flight_ || ticket != ticket_) {
      return invalid_argument(fmt::format("ticket {} is not the step in flight", ticket));
    }
    in_flight_ = false;
    return results_.output();
  }

  const KvInfo& kv() const override { return kv_; }

  Status copy_kv(int32_t group, std::span<const BlockId> from,
                 std::span<const BlockId> to) override {
    IX_RETURN_IF_ERROR(validate_copy(group, from, to, kv_));
    cache_.copy(group, from, to);
    return ok_status();
  }

  Health health() const override { return {}; }

  std::string description() const override {
    return fmt::format("cpu {}, {} thread{}", to_string(model_->isa()), pool_->threads(),
                       pool_->threads() == 1 ? "" : "s");
  }

 private:
  CpuExecutor(std::shared_ptr<const CpuModel> model, KvInfo kv, KvCache cache, StepBuffers buffers,
              const BufferSizes& sizes, std::unique_ptr<ThreadPool> pool)
      : model_(std::move(model)),
        kv_(std::move(kv)),
        matrix_(matrix_kernels(model_->isa())),
        vector_(vector_kernels(model_->isa())),
        cache_(std::move(cache)),
        buffers_(std::move(buffers)),
        plan_(make_plan(*model_, sizes, buffers_, matrix_)),
        max_rows_(sizes.max_rows),
        head_rows_(sizes.head_rows),
        pool_(std::move(pool)) {
    rows_.sequence_of.resize(static_cast<size_t>(max_rows_));
    rows_.tiles.reserve(static_cast<size_t>(max_rows_));
  }

  static Status check_fits(const CpuModel& model, const ExecutorOptions& options, const KvInfo& kv,
                           const BufferSizes& sizes, int threads) {
    MemoryPlan plan{.kv = static_cast<uint64_t>(pool_bytes(model.decoder(), kv, sizeof(uint16_t))),
                    .scratch = static_cast<uint64_t>(sizes.bytes(threads)),
                    .kv_tokens = options.kv_tokens};
    if (model.memory_limit() == 0) return check_memory(plan, available_memory_bytes());
    plan.weights = model.weight_bytes();
    return check_memory(plan, model.memory_limit());
  }

  void run_step(const StepInput& input) {
    rows_.tokens = input.tokens;
    rows_.sequences = input.sequences;
    for (size_t s = 0; s < input.sequences.size(); ++s) {
      const SequenceRows& sequence = input.sequences[s];
      std::fill_n(rows_.sequence_of.begin() + sequence.first_row, sequence.rows,
                  static_cast<int32_t>(s));
    }
    cut_tiles(rows_, plan_.rows_per_tile);
    results_.begin(input.wants, model_->decoder().vocab_size);
    run_stages(plan_.body, rows_.count());
    for (int32_t first = 0; first < results_.count(); first += head_rows_) {
      run_head(input.wants, first, std::min(head_rows_, results_.count() - first));
    }
  }

  void run_stages(const std::vector<Stage>& stages, int64_t n) {
    const RowOpContext context{n, vector_, cache_, rows_};
    for (const Stage& stage : stages) {
      switch (stage.kind) {
        case StageKind::row_ops:
          run_row_ops(std::span(plan_.row_ops).subspan(stage.first, stage.end - stage.first),
                      context, *pool_);
          break;
        case StageKind::linear:
          // After the last, the first of the next step.
          run_linear(plan_.linears[stage.first],
                     plan_.linears[(stage.first + 1) % plan_.linears.size()], matrix_, vector_, n,
                     *pool_, buffers_.linear_scratch());
          break;
        case StageKind::attention:
          run_attention(plan_.attentions[stage.first], vector_, cache_, rows_, *pool_,
                        buffers_.attention_scratch(), buffers_.chunk_store());
          break;
      }
    }
  }

  // Results [first, first + count) of the step.
  void run_head(std::span<const RowWant> wants, int32_t first, int32_t count) {
    for (const CarriedValue& carried : plan_.carried) {
      for (int32_t i = 0; i < count; ++i) {
        std::memcpy(carried.to.row(i), carried.from.row(result_row(first + i)),
                    static_cast<size_t>(carried.width) * sizeof(float));
      }
    }
    run_stages(plan_.head, count);
    const auto vocab = static_cast<size_t>(model_->decoder().vocab_size);
    const bool several_passes = results_.count() > head_rows_;  // the next one writes over these
    pool_->run(count, [&](int64_t i, int) {
      const float* logits = plan_.logits.row(i);
      const int32_t row = result_row(first + i);
      if (several_passes && wants[static_cast<size_t>(row)].kind == Want::logits) {
        float* kept = buffers_.kept_logits().row(first + i);
        std::memcpy(kept, logits, vocab * sizeof(float));
        logits = kept;
      }
      results_.set(first + static_cast<int32_t>(i), {logits, vocab});
    });
  }

  // Row of the step that result `i` is for.
  int32_t result_row(int64_t i) const { return results_.rows()[static_cast<size_t>(i)]; }

  std::shared_ptr<const CpuModel> model_;
  KvInfo kv_;
  const MatrixKernels& matrix_;
  const VectorKernels& vector_;
  KvCache cache_;
  StepBuffers buffers_;
  Plan plan_;
  const int32_t max_rows_;
  const int32_t head_rows_;
  std::unique_ptr<ThreadPool> pool_;
  StepRows rows_;
  RowResults results_;
  Ticket ticket_ = 0;
  bool in_flight_ = false;
};

}  // namespace

Result<std::unique_ptr<Executor>> open_cpu(std::shared_ptr<const CpuModel> model,
                                           const ExecutorOptions& options) {
  try {
    return CpuExecutor::open(std::move(model), options);
  } catch (const std::exception& error) {  // no memory
    return resource_exhausted(fmt::format("cannot open the CPU executor: {}", error.what()));
  }
}

}  // namespace ix::backend::cpu
