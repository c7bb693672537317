#include "backend/backends.h"

#include "backend/reference/reference_executor.h"
#ifdef IX_TEST_CPU_BACKEND
#include "backend/cpu/cpu_executor.h"
#include "backend/cpu/kernels/isa.h"
#endif

namespace ix::testing {
namespace {

#ifdef IX_TEST_CPU_BACKEND
// Keys and values are stored in half precision: off by 2^-12 of themselves at most.
constexpr double kHalfPrecisionError = 1e-3;

// Activations are rounded to 8 bits in blocks of 32 or 256: half a step of 1 / 127 of the block's
// largest is about 1 % of a normal value, and the models are two or three layers deep.
constexpr double kInt8Error = 4e-2;

Backend cpu_backend(const std::string& name, const backend::cpu::CpuOptions& cpu_options) {
  return {.name = name,
          .open = [cpu_options](const graph::Decoder& decoder, const quant::WeightSource& weights,
                                const backend::ExecutorOptions& options)
              -> Result<std::unique_ptr<backend::Executor>> {
            IX_ASSIGN_OR_RETURN(auto model,
                                backend::cpu::load_model(decoder, weights, options, cpu_options));
            return backend::cpu::open_cpu(std::move(model), options);
          },
          .error_plain = kHalfPrecisionError,
          .error_quantised = cpu_options.pack ? kInt8Error : kHalfPrecisionError};
}
#endif

}  // namespace

std::vector<Backend> backends() {
  std::vector<Backend> all = {
      {.name = "reference",
       .open = backend::open_reference,
       .error_plain = 1e-6,
       .error_quantised = 1e-6},
  };
#ifdef IX_TEST_CPU_BACKEND
  for (const backend::cpu::Isa isa : backend::cpu::available_isas()) {
    const std::string name(to_string(isa));
    all.push_back(cpu_backend("cpu_" + name, {.isa = name}));
  }
  all.push_back(cpu_backend("cpu_unpacked", {.isa = "", .pack = false}));
#endif
  return all;
}

}  // namespace ix::testing
