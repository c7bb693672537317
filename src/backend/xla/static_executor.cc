#include "backend/xla/static_executor.h"

#include <fmt/format.h>

#include <algorithm>
#include <deque>

#include "backend/kv_geometry.h"
#include "backend/row_results.h"
#include "backend/step_validation.h"
#include "backend/xla/bound_program.h"
#include "backend/xla/head_reader.h"
#include "backend/xla/row_inputs.h"
#include "backend/xla/static_programs.h"
#include "backend/xla/step_plan.h"

namespace ix::backend::xla {
namespace {

class StaticExecutor final : public Executor {
 public:
  static Result<std::unique_ptr<Executor>> open(std::shared_ptr<XlaModel> model,
                                                const ExecutorOptions& options) {
    IX_ASSIGN_OR_RETURN(KvInfo kv, slot_kv(model->decoder(), options,
                                           hlo::element_bytes(model->options().kv_type)));
    IX_ASSIGN_OR_RETURN(RowInputs inputs, RowInputs::create(*model));
    IX_ASSIGN_OR_RETURN(auto programs, StaticPrograms::create(*model, kv, options.max_rows));
    return std::unique_ptr<Executor>(new StaticExecutor(
        std::move(model), options.max_rows, std::move(kv), std::move(inputs), std::move(programs)));
  }

  // Queues the programs of the step; wait() waits for them and reads what the rows want.
  Result<Ticket> submit(const StepInput& input) override {
    IX_RETURN_IF_ERROR(alive());
    if (in_flight_) {
      return resource_exhausted(
          fmt::format("step {} is in flight: wait for it before the next submit", ticket_));
    }
    const StepLimits limits{.vocab_size = model_->decoder().vocab_size, .max_rows = max_rows_};
    IX_RETURN_IF_ERROR(validate_step(input, limits, kv_));
    IX_RETURN_IF_ERROR(plan_step(input, kv_, programs_->chunk(), plan_));
    results_.begin(input.wants, model_->decoder().vocab_size);
    reader_.begin();
    reads_.clear();
    programs_->begin_step();
    if (Status status = run(input); !status.ok()) {
      static_cast<void>(drain(kNoDeadline));
      return status;
    }
    in_flight_ = true;
    return ++ticket_;
  }

  Result<StepOutput> wait(Ticket ticket, Deadline deadline) override {
    IX_RETURN_IF_ERROR(alive());
    if (!in_flight_ || ticket != ticket_) {
      return invalid_argument(fmt::format("ticket {} is not the step in flight", ticket));
    }
    in_flight_ = false;
    IX_RETURN_IF_ERROR(drain(deadline));
    for (const Read& read : reads_) {
      IX_RETURN_IF_ERROR(reader_.read(*read.tensors, read.rows, results_));
    }
    return results_.output();
  }

  const KvInfo& kv() const override { return kv_; }

  Status copy_kv(int32_t /*group*/, std::span<const BlockId> /*from*/,
                 std::span<const BlockId> /*to*/) override {
    return unsupported("this backend does not copy slots");
  }

  Health health() const override { return model_->runtime().health(); }

  std::string description() const override {
    return fmt::format("{}, {} weights, {} slot{} of {} tokens", model_->runtime().description(),
                       to_text(model_->options().weights.form), kv_.groups.front().blocks,
                       kv_.groups.front().blocks == 1 ? "" : "s", kv_.tokens_per_block);
  }

 private:
  // Rows of one set of result tensors that want something.
  struct Read {
    const ResultTensors* tensors;
    std::vector<ResultRow> rows;
  };

  StaticExecutor(std::shared_ptr<XlaModel> model, int32_t max_rows, KvInfo kv, RowInputs inputs,
                 std::unique_ptr<StaticPrograms> programs)
      : model_(std::move(model)),
        max_rows_(max_rows),
        kv_(std::move(kv)),
        inputs_(std::move(inputs)),
        programs_(std::move(programs)),
        reader_(*model_) {}

  Status alive() const {
    Health health = model_->runtime().health();
    return health.state == HealthState::dead ? std::move(health.status) : ok_status();
  }

  Status run(const StepInput& input) {
    for (const PrefillRun& prefill : plan_.prefills) {
      IX_RETURN_IF_ERROR(run_prefill(input, prefill));
    }
    return plan_.decodes.empty() ? ok_status() : run_decode(input);
  }

  Status run_prefill(const StepInput& input, const PrefillRun& run) {
    const auto chunk = static_cast<size_t>(programs_->chunk());
    tokens_.assign(chunk, 0);
    positions_.resize(chunk);
    for (size_t i = 0; i < chunk; ++i) positions_[i] = run.start + static_cast<Position>(i);
    const auto tokens =
        input.tokens.subspan(static_cast<size_t>(run.first_row), static_cast<size_t>(run.rows));
    std::copy(tokens.begin(), tokens.end(), tokens_.begin());
    IX_RETURN_IF_ERROR(inputs_.write({.tokens = tokens_,
                                      .positions = positions_,
                                      .starts = std::span(positions_).first(1),
                                      .slot = run.slot},
                                     programs_->prefill_rows()));
    IX_RETURN_IF_ERROR(execute(programs_->prefill()));
    return run_prefill_head(input, run);
  }

  // The head over the rows of a prefill that want something, some at a time.
  Status run_prefill_head(const StepInput& input, const PrefillRun& run) {
    std::vector<ResultRow> wanted;
    std::vector<int32_t> picked;  // rows of the program
    const auto flush = [&]() -> Status {
      picked.resize(static_cast<size_t>(programs_->head_rows()), 0);
      IX_ASSIGN_OR_RETURN(StaticPrograms::Head * head, programs_->next_prefill_head());
      IX_RETURN_IF_ERROR(programs_->write_picked(picked));
      IX_RETURN_IF_ERROR(execute(std::span(&head->head, 1)));
      IX_RETURN_IF_ERROR(add_read(*head, std::move(wanted)));
      wanted.clear();
      picked.clear();
      return ok_status();
    };
    for (int32_t i = 0; i < run.rows; ++i) {
      const RowWant want = input.wants[static_cast<size_t>(run.first_row + i)];
      if (want.kind == Want::nothing) continue;
      wanted.push_back({.result = result_of(run.first_row + i),
                        .want = want,
                        .row = static_cast<int32_t>(picked.size())});
      picked.push_back(i);
      if (static_cast<int32_t>(picked.size()) == programs_->head_rows())
        IX_RETURN_IF_ERROR(flush());
    }
    return wanted.empty() ? ok_status() : flush();
  }

  // Slots without a row run token 0 at the last position of the slot, which is beyond the context.
  Status run_decode(const StepInput& input) {
    const auto slots = static_cast<size_t>(kv_.groups.front().blocks);
    tokens_.assign(slots, 0);
    positions_.assign(slots, static_cast<Position>(programs_->cache().positions - 1));
    std::vector<ResultRow> wanted;
    for (const DecodeRow& row : plan_.decodes) {
      const auto slot = static_cast<size_t>(row.slot);
      tokens_[slot] = input.tokens[static_cast<size_t>(row.row)];
      positions_[slot] = row.position;
      const RowWant want = input.wants[static_cast<size_t>(row.row)];
      if (want.kind == Want::nothing) continue;
      wanted.push_back({.result = result_of(row.row), .want = want, .row = row.slot});
    }
    IX_RETURN_IF_ERROR(
        inputs_.write({.tokens = tokens_, .positions = positions_, .starts = positions_},
                      programs_->decode_rows()));
    IX_RETURN_IF_ERROR(execute(programs_->decode()));
    return wanted.empty() ? ok_status() : add_read(programs_->decode_head(), std::move(wanted));
  }

  Status add_read(StaticPrograms::Head& head, std::vector<ResultRow> rows) {
    const bool top = std::any_of(rows.begin(), rows.end(),
                                 [](const ResultRow& row) { return row.want.kind == Want::top_k; });
    if (top) {
      IX_RETURN_IF_ERROR(programs_->load_top(head));
      IX_RETURN_IF_ERROR(execute(std::span(&head.top, 1)));
    }
    reads_.push_back({&head.results, std::move(rows)});
    return ok_status();
  }

  Status execute(std::span<const BoundProgram> programs) {
    for (const BoundProgram& bound : programs) {
      IX_ASSIGN_OR_RETURN(const Ticket ticket,
                          model_->runtime().execute(*bound.program, bound.bindings));
      tickets_.push_back(ticket);
    }
    return ok_status();
  }

  // Waits for everything queued; the first error.
  Status drain(Deadline deadline) {
    Status first;
    while (!tickets_.empty()) {
      Status status = model_->runtime().wait(tickets_.front(), deadline);
      tickets_.pop_front();
      if (first.ok()) first = std::move(status);
    }
    return first;
  }

  int32_t result_of(int32_t row) const {
    const auto rows = results_.rows();
    return static_cast<int32_t>(std::lower_bound(rows.begin(), rows.end(), row) - rows.begin());
  }

  std::shared_ptr<XlaModel> model_;
  const int32_t max_rows_;
  KvInfo kv_;
  RowInputs inputs_;
  std::unique_ptr<StaticPrograms> programs_;
  HeadReader reader_;
  RowResults results_;
  Ticket ticket_ = 0;
  bool in_flight_ = false;

  // Of the step that runs.
  StepPlan plan_;
  std::vector<Read> reads_;
  std::deque<Ticket> tickets_;
  std::vector<TokenId> tokens_;
  std::vector<Position> positions_;
};

}  // namespace

Result<std::unique_ptr<Executor>> open_static(std::shared_ptr<XlaModel> model,
                                              const ExecutorOptions& options) {
  return StaticExecutor::open(std::move(model), options);
}

}  // namespace ix::backend::xla
