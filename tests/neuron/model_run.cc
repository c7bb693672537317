#include "neuron/model_run.h"

#include <chrono>

#include "backend/xla/static_executor.h"

namespace ix::backend::neuron {

FakeDevice& shared_device() {
  static FakeDevice device(2);
  return device;
}

const ix::testing::SmallModel& model_of_runs() {
  static const auto model = ix::testing::make_uneven_model();
  return *model;
}

Result<ModelRun> ModelRun::load(const RunOptions& run) {
  NeuronOptions options = shared_device().options();
  options.ranks = run.ranks;
  if (!run.compiler) options.compiler.path = "/nowhere/neuronx-cc";
  IX_ASSIGN_OR_RETURN(auto runtime, NeuronRuntime::open(options));
  IX_ASSIGN_OR_RETURN(
      auto model,
      xla::XlaModel::load(model_of_runs().decoder, model_of_runs().weights, std::move(runtime),
                          {.programs = {.chunk = 16}, .load_ahead = run.load_ahead}));
  return ModelRun(std::move(model));
}

Status ModelRun::open() {
  executor_.reset();
  IX_ASSIGN_OR_RETURN(executor_, xla::open_static(model_, {.max_rows = 32,
                                                           .kv_tokens = kSlots * kContext,
                                                           .max_sequences = kSlots}));
  return ok_status();
}

std::vector<TokenId> ModelRun::sequence(int32_t slot) {
  return ix::testing::random_tokens(model_of_runs(), kPrompt + 3, 90 + static_cast<uint32_t>(slot));
}

Status ModelRun::prefill(int32_t slot) {
  const auto tokens = sequence(slot);
  return run(slot, 0, std::span(tokens).first(kPrompt), {.kind = Want::nothing}).status();
}

Result<std::vector<Logits>> ModelRun::decode(int32_t slot) {
  const auto tokens = sequence(slot);
  std::vector<Logits> all;
  for (size_t at = kPrompt; at < tokens.size(); ++at) {
    IX_ASSIGN_OR_RETURN(Logits logits,
                        run(slot, static_cast<Position>(at), std::span(tokens).subspan(at, 1),
                            {.kind = Want::logits}));
    all.push_back(std::move(logits));
  }
  return all;
}

Result<std::vector<std::vector<Logits>>> ModelRun::whole() {
  std::vector<std::vector<Logits>> all;
  for (int32_t slot = 0; slot < kSlots; ++slot) IX_RETURN_IF_ERROR(prefill(slot));
  for (int32_t slot = 0; slot < kSlots; ++slot) {
    IX_ASSIGN_OR_RETURN(auto logits, decode(slot));
    all.push_back(std::move(logits));
  }
  return all;
}

Result<Logits> ModelRun::run(int32_t slot, Position start, std::span<const TokenId> tokens,
                             RowWant want) {
  const std::span<const BlockId> table(&slot, 1);
  const std::vector<std::span<const BlockId>> tables(executor_->kv().groups.size(), table);
  const SequenceRows rows{.first_row = 0,
                          .rows = static_cast<int32_t>(tokens.size()),
                          .start = start,
                          .block_tables = tables};
  std::vector<RowWant> wants(tokens.size(), RowWant{});
  wants.back() = want;
  IX_ASSIGN_OR_RETURN(
      const Ticket ticket,
      executor_->submit({.tokens = tokens, .sequences = std::span(&rows, 1), .wants = wants}));
  const auto deadline = std::chrono::steady_clock::now() + std::chrono::seconds(5);
  IX_ASSIGN_OR_RETURN(const StepOutput output, executor_->wait(ticket, deadline));
  if (output.rows.empty()) return Logits{};
  return Logits(output.rows.front().logits.begin(), output.rows.front().logits.end());
}

}  // namespace ix::backend::neuron
