// Which backend runs a model: --device and what belongs to it.
#pragma once

#include <memory>
#include <string>

#include "backend/executor.h"
#include "base/result.h"
#include "graph/decoder.h"
#include "quant/weight_source.h"

namespace ix::cli {

struct DeviceOptions {
  std::string device = "cpu";      // cpu, xla, pjrt:PATH or neuron
  int ranks = 0;                   // tensor parallel; 0 = one, of neuron every visible core
  std::string weights = "bf16";    // form on the device: bf16, f16, int8 or q4
  int32_t layers_per_program = 0;  // 0 = all
};

// Says which devices and forms there are.
Status check_device(const DeviceOptions& options);

// The path of the plugin that xla or pjrt:PATH means; not_found where no plugin is installed.
Result<std::string> plugin_of(const std::string& device);

// For options that check_device() takes, and any device but cpu; shows progress on a terminal.
// decoder and source outlive the executor. Errors say what was looked for.
Result<std::unique_ptr<backend::Executor>> open_device(
    const DeviceOptions& options, const graph::Decoder& decoder, const quant::WeightSource& source,
    const backend::ExecutorOptions& executor_options);

}  // namespace ix::cli
