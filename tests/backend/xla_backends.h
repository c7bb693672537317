// The XLA backend on the CPU plugins that tests install.
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <tuple>
#include <vector>

#include "backend/backends.h"
#include "backend/xla/xla_model.h"

namespace ix::testing {

// Root mean square of the errors of logits as a part of the logits' own.
//
// Float32 throughout: some units of 2^-24 = 6e-8 an op.
inline constexpr double kXlaFloatError = 3e-6;

// bfloat16 has 8 significant bits: a number is off by 2^-9 of itself at most where its leading bits
// are all ones and by 2^-8 where they are 1.0, evenly spread, so by 2^-9 / sqrt(3) to
// 2^-8 / sqrt(3), about 1.6e-3, in the root mean square. Weights and inputs of a product are both
// rounded: 2.3e-3 of what it gives, since the errors of its terms are independent as its terms are.
// Some ten products follow each other in two layers (a norm keeps the ratio, a residual adds what
// came before): sqrt(10) * 2.3e-3 = 7e-3. Three times that for small groups and models whose logits
// nearly cancel; a wrong scale, mask or head gives 0.1 and more.
inline constexpr double kXlaBfloat16Error = 2e-2;

// The bound for weights of f32 or bf16.
double xla_error(const backend::xla::XlaOptions& options);

// Ranges of layers, decodes of three rows, and programs for a part of the cache.
backend::xla::XlaOptions xla_parts();

// A backend's name, the decoder's text and the weights: models may differ in their weights alone.
using LoadedKey = std::tuple<std::string, std::string, const quant::WeightSource*>;

// A backend whose executors run on the models that `load` gives, which have these options.
using LoadModel = std::function<Result<std::shared_ptr<backend::xla::XlaModel>>(
    const LoadedKey& key, const graph::Decoder& decoder, const quant::WeightSource& weights)>;
Backend static_backend(const std::string& name, const backend::xla::XlaOptions& options,
                       const LoadModel& load);

// One device a rank. Of a model of small_models() programs and weights
// serve every executor of the process.
Backend xla_backend(const std::string& name, const std::string& plugin, int ranks,
                    const backend::xla::XlaOptions& options);

std::vector<Backend> xla_backends();

}  // namespace ix::testing
