// A small model on the fake device: two sequences, each in a slot of its own.
#pragma once

#include <memory>
#include <span>
#include <vector>

#include "backend/neuron/neuron_runtime.h"
#include "backend/small_models.h"
#include "backend/xla/xla_model.h"
#include "neuron/fake_device.h"

namespace ix::backend::neuron {

using Logits = std::vector<float>;

// The process's device, of two cores.
FakeDevice& shared_device();

const ix::testing::SmallModel& model_of_runs();

struct RunOptions {
  int ranks;
  bool load_ahead = false;  // open() loads the programs; else the steps that first need them
  bool compiler = true;     // false: programs come from the cache of an earlier run
};

class ModelRun {
 public:
  static constexpr int kSlots = 2;
  static constexpr int64_t kContext = 40;
  static constexpr int kPrompt = 10;  // tokens of a sequence that are run as a prefill

  // Loads the weights on a runtime of its own.
  static Result<ModelRun> load(const RunOptions& run);

  // An executor with an empty cache; the one before goes first.
  Status open();
  std::unique_ptr<Executor> take_executor() { return std::move(executor_); }

  // The first tokens of the slot's sequence, without results. Every step has five seconds.
  Status prefill(int32_t slot);
  // Those that follow, one by one: logits of each.
  Result<std::vector<Logits>> decode(int32_t slot);
  // prefill() of every slot, then decode() of every slot.
  Result<std::vector<std::vector<Logits>>> whole();

  Health health() const { return model_->runtime().health(); }

  // All tokens of a slot.
  static std::vector<TokenId> sequence(int32_t slot);

 private:
  explicit ModelRun(std::shared_ptr<xla::XlaModel> model) : model_(std::move(model)) {}
  Result<Logits> run(int32_t slot, Position start, std::span<const TokenId> tokens, RowWant want);

  std::shared_ptr<xla::XlaModel> model_;
  std::unique_ptr<Executor> executor_;
};

}  // namespace ix::backend::neuron
