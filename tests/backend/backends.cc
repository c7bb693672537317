#include "backend/backends.h"

#include "backend/attention_rounding.h"
#include "backend/cpu/cpu_executor.h"
#include "backend/cpu/kernels/isa.h"
#include "backend/neuron_backends.h"
#include "backend/reference/reference_executor.h"
#include "backend/xla_backends.h"

namespace ix::testing {
namespace {

// Some units of 2^-24 = 6e-8 an op.
constexpr double kFloatError = 3e-6;

// Keys and values are stored in half precision: off by 2^-11 = 4.9e-4 of themselves at most.
constexpr double kHalfPrecisionError = 2e-3;

// Activations are rounded to 8 bits in blocks of 32 or 256: steps of 1 / 127 of the block's largest
// value, so that a normal value is off by about 1 % and a sum of them as much. Some ten such
// linears follow each other in these models. A wrong scale or a swapped nibble gives 0.5 and more.
constexpr double kInt8Error = 8e-2;

Backend cpu_backend(const std::string& name, const backend::cpu::CpuOptions& cpu_options) {
  const double plain =
      kHalfPrecisionError * attention_rounding(*backend::cpu::choose_isa(cpu_options.isa));
  return {.name = name,
          .open = [cpu_options](const graph::Decoder& decoder, const quant::WeightSource& weights,
                                const backend::ExecutorOptions& options)
              -> Result<std::unique_ptr<backend::Executor>> {
            IX_ASSIGN_OR_RETURN(auto model,
                                backend::cpu::load_model(decoder, weights, options, cpu_options));
            return backend::cpu::open_cpu(std::move(model), options);
          },
          .error_plain = plain,
          .error_quantised = cpu_options.pack ? kInt8Error : plain};
}

}  // namespace

std::vector<Backend> backends() {
  std::vector<Backend> all = {
      {.name = "reference",
       .open = backend::open_reference,
       .error_plain = kFloatError,
       .error_quantised = kFloatError},
  };
  for (const backend::cpu::Isa isa : backend::cpu::available_isas()) {
    const std::string name(to_string(isa));
    all.push_back(cpu_backend("cpu_" + name, {.isa = name}));
  }
  all.push_back(cpu_backend("cpu_unpacked", {.isa = "", .pack = false}));
  for (Backend& backend : xla_backends()) all.push_back(std::move(backend));
  for (Backend& backend : neuron_backends()) all.push_back(std::move(backend));
  return all;
}

}  // namespace ix::testing
