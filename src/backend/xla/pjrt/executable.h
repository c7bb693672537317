// A program that a plugin has compiled and loaded.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "backend/xla/hlo/shape.h"
#include "backend/xla/pjrt/buffer.h"
#include "backend/xla/pjrt/event.h"

namespace ix::backend::xla::pjrt {

// Bytes that one device needs for a program, as its compiler plans them.
struct MemoryStats {
  int64_t arguments = 0;
  int64_t outputs = 0;
  int64_t aliased = 0;    // of the outputs, those that take an argument's storage
  int64_t temporary = 0;  // a copy of a donated argument shows here
};

// What an execution gives at once; the arrays' content comes later.
struct Execution {
  std::vector<std::vector<Buffer>> outputs;  // [devices][outputs]
  std::vector<Event> complete;               // [devices]
};

// The client outlives it; executions need not have ended when it goes.
class Executable {
 public:
  Executable(const Plugin& plugin, abi::LoadedExecutable* executable)
      : plugin_(&plugin), executable_(own(plugin, executable)) {}

  // Devices in the order of execute()'s arguments.
  Result<std::vector<abi::Device*>> devices() const;

  // unsupported where an output has an element type that hlo::ElementType lacks.
  Result<std::vector<hlo::Shape>> output_shapes() const;

  // unsupported where the plugin has no figures.
  Result<MemoryStats> memory_stats() const;

  // Queues the program on all its devices. The plugin compares sizes, not types or shapes: the
  // caller does. `outputs` is the number of outputs a device; all argument lists are of one length.
  Result<Execution> execute(std::span<const std::vector<abi::Buffer*>> arguments,
                            size_t outputs) const;

 private:
  Result<Handle<abi::Executable>> executable() const;

  const Plugin* plugin_;
  Handle<abi::LoadedExecutable> executable_;
};

}  // namespace ix::backend::xla::pjrt
