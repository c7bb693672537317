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
                                           hlo::element_bytes(model->options().programs.kv_type)));
    IX_ASSIGN_OR_RETURN(RowInputs inputs, RowInputs::create(*model));
    IX_ASSIGN_OR_RETURN(const ProgramSet set,
                        plan_programs(model->decoder(), kv.groups.front().blocks,
                                      kv.tokens_per_block, model->options().programs));
    IX_ASSIGN_OR_RETURN(auto programs, StaticPrograms::create(*model, set));
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
    IX_RETURN_IF_ERROR(plan_step(input, kv_, {set().chunk, 1 + set().draft_rows}, plan_));
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

  Status copy_kv(int32_t group, std::span<const BlockId> from,
                 std::span<const BlockId> to) override {
    IX_RETURN_IF_ERROR(alive());
    IX_RETURN_IF_ERROR(validate_copy(group, from, to, kv_));
    if (in_flight_) return resource_exhausted("a step is in flight: wait for it before a copy");
    if (from.empty()) return ok_status();
    IX_ASSIGN_OR_RETURN(const BoundProgram* copy, programs_->copy(group));
    for (size_t i = 0; i < from.size(); ++i) {
      IX_RETURN_IF_ERROR(inputs_.write_slot(InputKind::copied_slot, from[i], copy_inputs()));
      IX_RETURN_IF_ERROR(inputs_.write_slot(InputKind::slot, to[i], copy_inputs()));
      IX_RETURN_IF_ERROR(execute(std::span(copy, 1)));
    }
    return drain(kNoDeadline);
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

  const ProgramSet& set() const { return programs_->set(); }
  TensorTable& copy_inputs() { return programs_->copy_inputs(); }

  Status run(const StepInput& input) {
    for (const PrefillRun& prefill : plan_.prefills) {
      IX_RETURN_IF_ERROR(run_prefill(input, prefill));
    }
    return plan_.decodes.empty() ? ok_status() : run_decode(input);
  }

  Status run_prefill(const StepInput& input, const PrefillRun& run) {
    const auto chunk = static_cast<size_t>(set().chunk);
    tokens_.assign(chunk, 0);
    positions_.resize(chunk);
    for (size_t i = 0; i < chunk; ++i) positions_[i] = run.start + static_cast<Position>(i);
    const auto tokens =
        input.tokens.subspan(static_cast<size_t>(run.first_row), static_cast<size_t>(run.rows));
    std::copy(tokens.begin(), tokens.end(), tokens_.begin());
    IX_ASSIGN_OR_RETURN(const auto programs, programs_->prefill(int64_t{run.start} + run.rows));
    IX_RETURN_IF_ERROR(inputs_.write({.tokens = tokens_,
                                      .positions = positions_,
                                      .starts = std::span(positions_).first(1),
                                      .slot = run.slot},
                                     programs_->prefill_inputs()));
    IX_RETURN_IF_ERROR(execute(programs));
    return run_prefill_head(input, run);
  }

  // The head over the rows of a prefill that want something, some at a time.
  Status run_prefill_head(const StepInput& input, const PrefillRun& run) {
    std::vector<ResultRow> wanted;
    std::vector<int32_t> picked;  // rows of the program
    const auto flush = [&]() -> Status {
      picked.resize(static_cast<size_t>(set().head_rows), 0);
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
      if (static_cast<int32_t>(picked.size()) == set().head_rows) IX_RETURN_IF_ERROR(flush());
    }
    return wanted.empty() ? ok_status() : flush();
  }

  // A row that nobody asked for runs token 0. Those after a sequence's own write where the sequence
  // has no positions yet; slots without rows write beyond the context.
  Status run_decode(const StepInput& input) {
    int32_t slot_rows = 1;
    int64_t end = 0;
    for (const DecodeRows& rows : plan_.decodes) {
      slot_rows = std::max(slot_rows, rows.rows);
      end = std::max<int64_t>(end, int64_t{rows.start} + rows.rows);
    }
    StaticPrograms::Decode& decode = programs_->decode_of(slot_rows);
    IX_ASSIGN_OR_RETURN(const auto programs, programs_->decode(decode, end));
    std::vector<ResultRow> wanted = set_decode_rows(input, decode.slot_rows);
    IX_RETURN_IF_ERROR(inputs_.write(
        {.tokens = tokens_, .positions = positions_, .starts = starts_}, decode.inputs));
    IX_RETURN_IF_ERROR(execute(programs));
    return wanted.empty() ? ok_status() : add_read(decode.head, std::move(wanted));
  }

  // Fills tokens_, positions_ and starts_ for all slots; the rows that want something.
  std::vector<ResultRow> set_decode_rows(const StepInput& input, int32_t slot_rows) {
    const auto slots = static_cast<size_t>(set().cache.slots);
    tokens_.assign(slots * static_cast<size_t>(slot_rows), 0);
    starts_.assign(slots, static_cast<Position>(set().cache.positions - slot_rows));
    std::vector<ResultRow> wanted;
    for (const DecodeRows& rows : plan_.decodes) {
      starts_[static_cast<size_t>(rows.slot)] = rows.start;
      for (int32_t i = 0; i < rows.rows; ++i) {
        const int32_t row = rows.first_row + i;
        const int32_t place = rows.slot * slot_rows + i;
        tokens_[static_cast<size_t>(place)] = input.tokens[static_cast<size_t>(row)];
        const RowWant want = input.wants[static_cast<size_t>(row)];
        if (want.kind == Want::nothing) continue;
        wanted.push_back({.result = result_of(row), .want = want, .row = place});
      }
    }
    positions_.clear();
    for (const Position start : starts_) {
      for (int32_t i = 0; i < slot_rows; ++i) positions_.push_back(start + i);
    }
    return wanted;
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
  std::vector<Position> starts_;
};

}  // namespace

Result<std::unique_ptr<Executor>> open_static(std::shared_ptr<XlaModel> model,
                                              const ExecutorOptions& options) {
  return StaticExecutor::open(std::move(model), options);
}

}  // namespace ix::backend::xla
