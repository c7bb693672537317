#include "engine/engine.h"

#include <fmt/format.h>

#include <algorithm>
#include <limits>
#include <utility>

#include "backend/step_validation.h"
#include "engine/block_tables.h"
#include "engine/scheduler.h"
#include "engine/sequence.h"

namespace ix::engine {

std::string_view to_string(FinishReason reason) {
  switch (reason) {
    case FinishReason::stop:
      return "stop";
    case FinishReason::length:
      return "length";
    case FinishReason::context:
      return "context";
    case FinishReason::cancelled:
      return "cancelled";
    case FinishReason::error:
      return "error";
  }
  return "error";
}

struct Engine::Impl {
  Impl(std::unique_ptr<backend::Executor> executor_in, const tokenizer::Tokenizer& tokenizer_in,
       KvPools pools_in, int64_t context_length_in, int64_t vocab_size_in, int32_t max_rows,
       int32_t max_sequences)
      : executor(std::move(executor_in)),
        tokenizer(tokenizer_in),
        pools(std::move(pools_in)),
        context_length(context_length_in),
        vocab_size(vocab_size_in),
        scheduler(pools, max_rows, max_sequences) {
    tokens.reserve(static_cast<size_t>(max_rows));
    wants.reserve(static_cast<size_t>(max_rows));
    sequences.reserve(static_cast<size_t>(max_sequences));
  }

  Status check(const Request& request) const;
  void finish_requested();
  void run_step();
  void build_input(std::span<const PlannedRows> plan);
  Status run(std::span<const PlannedRows> plan);
  void take_results(std::span<const PlannedRows> plan, const backend::StepOutput& output);
  void end(RequestId id, FinishReason reason, Status error = {});
  Event& blank_event();

  std::unique_ptr<backend::Executor> executor;
  const tokenizer::Tokenizer& tokenizer;
  KvPools pools;
  int64_t context_length;
  int64_t vocab_size;
  Scheduler scheduler;  // uses pools: sequences go before them
  RequestId next_id = 1;
  std::vector<std::pair<RequestId, FinishReason>> to_end;  // at the next step
  std::vector<Event>
      events;  // the first event_count are this step's, the others are kept for reuse
  size_t event_count = 0;

  // The step that runs.
  std::vector<TokenId> tokens;
  std::vector<backend::SequenceRows> sequences;
  std::vector<backend::RowWant> wants;
};

Status Engine::Impl::check(const Request& request) const {
  if (request.prompt.empty()) return invalid_argument("the prompt has no tokens");
  const auto prompt = static_cast<int64_t>(request.prompt.size());
  if (prompt > context_length) {
    return invalid_argument(
        fmt::format("the prompt has {} tokens, but the context holds {}", prompt, context_length));
  }
  for (const TokenId token : request.prompt) {
    if (token < 0 || token >= vocab_size) {
      return invalid_argument(fmt::format(
          "the prompt has token {}, but the vocabulary has {} tokens", token, vocab_size));
    }
  }
  if (request.max_tokens < -1) {
    return invalid_argument(
        fmt::format("max_tokens is {}, but must be -1 (until the context is full) or more",
                    request.max_tokens));
  }
  const int64_t most = std::min<int64_t>(backend::kMaxTopK, vocab_size);
  if (request.logprobs < -1 || request.logprobs > most) {
    return invalid_argument(
        fmt::format("logprobs is {}, but must be -1 (none) to {}", request.logprobs, most));
  }
  for (const std::string& stop : request.stop) {
    // A stop string that began inside a character could cut one in two.
    const bool inside = !stop.empty() && (static_cast<unsigned char>(stop.front()) & 0xC0U) == 0x80;
    if (stop.empty() || inside) {
      return invalid_argument("a stop string must not be empty and must be UTF-8");
    }
  }
  return validate(request.sampling, vocab_size);
}

// The next event of the step: no text, finish or error. A token may be there for its memory.
Event& Engine::Impl::blank_event() {
  if (event_count == events.size()) events.emplace_back();
  Event& event = events[event_count++];
  event.text.clear();
  event.finish.reset();
  event.error = {};
  return event;
}

void Engine::Impl::end(RequestId id, FinishReason reason, Status error) {
  Sequence* sequence = scheduler.find(id);
  if (sequence == nullptr) return;
  sequence->end(reason, std::move(error), blank_event());
  scheduler.remove(id);
}

void Engine::Impl::finish_requested() {
  for (const auto& [id, reason] : to_end) end(id, reason);
  to_end.clear();
}

void Engine::Impl::build_input(std::span<const PlannedRows> plan) {
  tokens.clear();
  sequences.clear();
  wants.clear();
  for (const auto& [sequence, rows] : plan) {
    const Position start = sequence->computed();
    sequence->tables().prepare(start, rows);
    sequences.push_back({.first_row = static_cast<int32_t>(tokens.size()),
                         .rows = rows,
                         .start = start,
                         .block_tables = sequence->tables().spans()});
    const auto first = sequence->tokens().begin() + start;
    tokens.insert(tokens.end(), first, first + rows);
    wants.resize(tokens.size());
    if (rows == sequence->pending_rows()) wants.back() = sequence->want();
  }
}

Status Engine::Impl::run(std::span<const PlannedRows> plan) {
  build_input(plan);
  IX_ASSIGN_OR_RETURN(const backend::Ticket ticket,
                      executor->submit({.tokens = tokens, .sequences = sequences, .wants = wants}));
  IX_ASSIGN_OR_RETURN(const backend::StepOutput output,
                      executor->wait(ticket, backend::kNoDeadline));
  size_t next = 0;
  bool as_asked = true;
  for (size_t row = 0; row < wants.size() && as_asked; ++row) {
    if (wants[row].kind == backend::Want::nothing) continue;
    as_asked = next < output.rows.size() && output.rows[next].row == static_cast<int32_t>(row);
    ++next;
  }
  if (!as_asked) return internal_error("the backend answered other rows than it was asked for");
  take_results(plan, output);
  return ok_status();
}

void Engine::Impl::take_results(std::span<const PlannedRows> plan,
                                const backend::StepOutput& output) {
  size_t next = 0;
  for (const auto& [sequence, rows] : plan) {
    const bool has_result = rows == sequence->pending_rows();
    sequence->advance(rows);
    if (!has_result) continue;
    Event& event = blank_event();
    sequence->accept(output.rows[next++], event);
    if (event.finish) scheduler.remove(sequence->id());
  }
}

void Engine::Impl::run_step() {
  const std::span<const PlannedRows> plan = scheduler.plan();
  if (plan.empty()) return;
  const Status status = run(plan);
  if (status.ok()) return;
  // What the step left in the KV cache is unknown, so its sequences cannot go on. Others can,
  // unless the backend is gone.
  const bool dead = executor->health().state == backend::HealthState::dead;
  std::vector<RequestId> failed;
  if (dead) {
    failed = scheduler.ids();
  } else {
    for (const PlannedRows& rows : plan) failed.push_back(rows.sequence->id());
  }
  for (const RequestId id : failed) end(id, FinishReason::error, status);
}

Engine::Engine(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
Engine::~Engine() = default;

Result<std::unique_ptr<Engine>> Engine::create(const graph::Decoder& decoder,
                                               std::unique_ptr<backend::Executor> executor,
                                               const tokenizer::Tokenizer& tokenizer,
                                               const EngineOptions& options) {
  int64_t context = options.context_length;
  if (context == 0) {
    context = decoder.context_length > 0 ? std::min(decoder.context_length, kDefaultContext)
                                         : kDefaultContext;
  }
  if (context < 1 || context > backend::kMaxPositions) {
    return invalid_argument(fmt::format("a context of {} tokens: 1 to {} are possible", context,
                                        backend::kMaxPositions));
  }
  if (options.max_rows < 1) {
    return invalid_argument(fmt::format("max_rows is {}, but must be 1 or more", options.max_rows));
  }
  if (options.max_sequences < 1) {
    return invalid_argument(
        fmt::format("max_sequences is {}, but must be 1 or more", options.max_sequences));
  }
  if (tokenizer.vocab_size() < decoder.vocab_size) {
    return corrupt(fmt::format("the model gives {} logits, but the vocabulary has {} tokens",
                               decoder.vocab_size, tokenizer.vocab_size()));
  }
  const int32_t sequences = std::min(options.max_sequences, options.max_rows);
  IX_ASSIGN_OR_RETURN(KvPools pools,
                      KvPools::create(executor->kv(), context, options.max_rows, sequences));
  return std::unique_ptr<Engine>(
      new Engine(std::make_unique<Impl>(std::move(executor), tokenizer, std::move(pools), context,
                                        decoder.vocab_size, options.max_rows, sequences)));
}

Result<RequestId> Engine::submit(Request request) {
  if (backend::Health health = impl_->executor->health();
      health.state == backend::HealthState::dead) {
    return std::move(health.status);
  }
  IX_RETURN_IF_ERROR(impl_->check(request));
  const RequestId id = impl_->next_id++;
  auto sequence = std::make_unique<Sequence>(id, std::move(request), impl_->tokenizer, impl_->pools,
                                             impl_->context_length);
  if (const auto reason = sequence->finished_at_once()) impl_->to_end.emplace_back(id, *reason);
  impl_->scheduler.add(std::move(sequence));
  return id;
}

Result<std::span<const Event>> Engine::step() {
  impl_->event_count = 0;
  impl_->finish_requested();
  impl_->run_step();
  return std::span<const Event>(impl_->events).first(impl_->event_count);
}

void Engine::cancel(RequestId request) {
  impl_->to_end.emplace_back(request, FinishReason::cancelled);
}

bool Engine::idle() const { return impl_->scheduler.empty(); }
int64_t Engine::context_length() const { return impl_->context_length; }
const backend::Executor& Engine::executor() const { return *impl_->executor; }

}  // namespace ix::engine
