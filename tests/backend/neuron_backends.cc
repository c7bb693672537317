#include "backend/neuron_backends.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <memory>
#include <optional>
#include <string>

#include "backend/neuron/neuron_runtime.h"
#include "backend/small_models.h"
#include "backend/xla_backends.h"
#include "neuron/fake_device.h"

namespace ix::testing {
namespace {

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
  Result<std::shared_ptr<XlaModel>> load(const LoadedKey& key, const graph::Decoder& decoder,
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
  LoadedKey key_;
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
  return static_backend(
      name, options,
      [=](const LoadedKey& key, const graph::Decoder& decoder, const quant::WeightSource& weights) {
        return device().load(key, decoder, weights, ranks, options);
      });
}

std::vector<Backend> neuron_backends() {
  const XlaOptions whole{.programs = {.chunk = 32}};
  return {neuron_backend("neuron_tp1", 1, whole), neuron_backend("neuron_tp2", 2, whole),
          neuron_backend("neuron_parts", 2, xla_parts())};
}

}  // namespace ix::testing
