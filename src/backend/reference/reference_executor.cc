#include "backend/reference/reference_executor.h"

#include <fmt/format.h>

#include "backend/kv_geometry.h"
#include "backend/reference/step_runner.h"
#include "backend/row_results.h"
#include "backend/step_validation.h"

namespace ix::backend {
namespace {

// Runs a step inside submit(); wait() hands its result over.
class ReferenceExecutor final : public Executor {
 public:
  ReferenceExecutor(const graph::Decoder& decoder, const ExecutorOptions& options, KvInfo kv,
                    reference::StepRunner runner, std::unique_ptr<ThreadPool> pool)
      : limits_{.vocab_size = decoder.vocab_size, .max_rows = options.max_rows},
        kv_(std::move(kv)),
        runner_(std::move(runner)),
        pool_(std::move(pool)) {}

  Result<Ticket> submit(const StepInput& input) override {
    if (waiting_) {
      return resource_exhausted(
          fmt::format("step {} is in flight: wait for it before the next submit", ticket_));
    }
    IX_RETURN_IF_ERROR(validate_step(input, limits_, kv_));
    results_.begin(input.wants, limits_.vocab_size);
    const std::span<const float> logits = runner_.run(input, results_.rows(), *pool_);
    const auto vocab = static_cast<size_t>(limits_.vocab_size);
    pool_->run(results_.count(), [&](int64_t i, int) {
      results_.set(static_cast<int32_t>(i), logits.subspan(static_cast<size_t>(i) * vocab, vocab));
    });
    waiting_ = true;
    return ++ticket_;
  }

  Result<StepOutput> wait(Ticket ticket, Deadline /*deadline*/) override {
    if (!waiting_ || ticket != ticket_) {
      return invalid_argument(fmt::format("ticket {} is not the step in flight", ticket));
    }
    waiting_ = false;
    return results_.output();
  }

  const KvInfo& kv() const override { return kv_; }

  Status copy_kv(int32_t group, std::span<const BlockId> from,
                 std::span<const BlockId> to) override {
    IX_RETURN_IF_ERROR(validate_copy(group, from, to, kv_));
    runner_.copy_blocks(group, from, to);
    return ok_status();
  }

  Health health() const override { return {}; }

  std::string description() const override {
    return fmt::format("reference float32, {} thread{}", pool_->threads(),
                       pool_->threads() == 1 ? "" : "s");
  }

 private:
  StepLimits limits_;
  KvInfo kv_;
  reference::StepRunner runner_;
  std::unique_ptr<ThreadPool> pool_;
  RowResults results_;
  Ticket ticket_ = 0;
  bool waiting_ = false;
};

}  // namespace

Result<std::unique_ptr<Executor>> open_reference(const graph::Decoder& decoder,
                                                 const quant::WeightSource& weights,
                                                 const ExecutorOptions& options) {
  IX_RETURN_IF_ERROR(graph::verify(decoder));
  IX_ASSIGN_OR_RETURN(KvInfo kv, paged_kv(decoder, options, sizeof(float)));
  IX_ASSIGN_OR_RETURN(reference::StepRunner runner,
                      reference::StepRunner::create(decoder, weights, kv));
  IX_ASSIGN_OR_RETURN(std::unique_ptr<ThreadPool> pool,
                      ThreadPool::start(options.threads > 0 ? options.threads : default_threads()));
  return std::make_unique<ReferenceExecutor>(decoder, options, std::move(kv), std::move(runner),
                                             std::move(pool));
}

}  // namespace ix::backend
