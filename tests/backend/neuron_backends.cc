#include "backend/neuron_backends.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <memory>
#include <optional>
#include <string>
#include <tuple>

#include "backend/neuron/neuron_runtime.h"
#include "backend/small_models.h"
#include "backend/xla/static_executor.h"
#include "backend/xla_backends.h"
#include "neuron/fake_device.h"

namespace ix::testing {
namespace {

using backend::ExecutorOptions;
using backend::neuron::FakeDevice;
using backend::neuron::NeuronOptions;
using backend::neuron::NeuronRuntime;
using backend::xla::XlaModel;
using backend::xla::XlaOptions;

// An inf2.48xlarge.
constexpr int kCores = 24;

// The process's device, and the model that is loaded on it: of one process there can be one runtime
// at a time.
class Device final : public ::testing::Environment {
 public:
  using Key = std::tuple<std::string, std::string, const quant::WeightSource*>;

  Result<std::shared_ptr<XlaModel>> load(const Key& key, const graph::Decoder& decoder,
                                         const quant::WeightSource& weights, int ranks,
                                         const XlaOptions& options) {
    if (model_ != nullptr && key_ == key) return model_;
    model_.reset();
    if (!fakes_.has_value()) fakes_.emplace(kCores);
    NeuronOptions neuron = fakes_->options();
    neuron.ranks = ranks;
    IX_ASSIGN_OR_RETURN(auto runtime, NeuronRuntime::open(neuron));
    IX_ASSIGN_OR_RETURN(auto model, XlaModel::load(decoder, weights, std::move(runtime), options));
    if (is_small_model(weights)) {
      key_ = key;
      model_ = model;
    }
    return model;
  }

  void TearDown() override {
    model_.reset();
    if (!fakes_.has_value()) return;
    EXPECT_THAT(fakes_->log("COMPLAINT"), ::testing::IsEmpty());
    EXPECT_THAT(fakes_->log("ERROR"), ::testing::IsEmpty());
    EXPECT_EQ(fakes_->log("loaded ").size(), fakes_->log("unloaded ").size());
    EXPECT_EQ(fakes_->log("nrt_init").size(), fakes_->log("nrt_close").size());
    fakes_.reset();
  }

 private:
  std::optional<FakeDevice> fakes_;
  Key key_;
  std::shared_ptr<XlaModel> model_;
};

Device& device() {
  static auto* const kDevice = new Device;
  return *kDevice;
}

// GoogleTest owns it; environments have to be known before the tests run.
[[maybe_unused]] const ::testing::Environment* const kEnvironment =
    ::testing::AddGlobalTestEnvironment(&device());

}  // namespace

Backend neuron_backend(const std::string& name, int ranks, const XlaOptions& options) {
  const auto open =
      [=](const graph::Decoder& decoder, const quant::WeightSource& weights,
          const ExecutorOptions& executor_options) -> Result<std::unique_ptr<backend::Executor>> {
    IX_ASSIGN_OR_RETURN(auto model, device().load({name, graph::to_text(decoder), &weights},
                                                  decoder, weights, ranks, options));
    return backend::xla::open_static(std::move(model), executor_options);
  };
  const double error = xla_error(options);
  return {.name = name,
          .open = open,
          .error_plain = error,
          .error_quantised = error,
          .batch_invariant = false};
}

std::vector<Backend> neuron_backends() {
  const XlaOptions whole{.programs = {.chunk = 32}};
  return {neuron_backend("neuron_tp1", 1, whole), neuron_backend("neuron_tp2", 2, whole),
          neuron_backend("neuron_parts", 2, xla_parts())};
}

}  // namespace ix::testing
