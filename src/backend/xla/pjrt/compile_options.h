// The options of a compilation: xla.CompileOptionsProto.
#pragma once

#include <span>
#include <string>

namespace ix::backend::xla::pjrt {

// One replica a device, on the devices of these ids, in this order. At least one: without replicas
// XLA aborts the process.
std::string compile_options(std::span<const int> device_ids);

}  // namespace ix::backend::xla::pjrt
