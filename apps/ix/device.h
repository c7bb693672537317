// Opens what --device names.
#pragma once

#include <cstdint>
#include <memory>
#include <string>

#include "backend/executor.h"
#include "base/result.h"
#include "device_options.h"
#include "gguf/gguf_file.h"
#include "graph/decoder.h"

namespace ix::cli {

// Says which devices and forms there are.
Status check_device(const DeviceOptions& options);

// The path of the plugin that xla or pjrt:PATH means; not_found where no plugin is installed.
Result<std::string> plugin_of(const std::string& device);

// For options that check_device() takes. context: what was asked for, 0 = open. For neuron, the
// newest of the models that `ix compile` made whose graph and choices are these.
Result<DevicePlan> plan_device(const DeviceOptions& options, const gguf::GgufFile& file,
                               int64_t context);

// For any device but cpu; shows progress on a terminal. decoder and source outlive the executor.
// Errors say what was looked for.
Result<std::unique_ptr<backend::Executor>> open_device(
    const DeviceOptions& options, const DevicePlan& plan, const graph::Decoder& decoder,
    const quant::WeightSource& source, const backend::ExecutorOptions& executor_options);

}  // namespace ix::cli
