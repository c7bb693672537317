// What runs HLO programs: devices that hold tensors and execute programs in lockstep. PJRT plugins
// and the Neuron runtime implement it; static_executor.h is written against it.
//
// A runtime has `ranks` devices; a program runs on all of them at once, each with its own tensors.
// Threads: upload, tensor and load may be called from several threads at once; execute, wait and
// read from one owner thread.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "backend/executor.h"
#include "backend/xla/hlo/module.h"
#include "base/result.h"

namespace ix::backend::xla {

// One array on one rank. The runtime that made it outlives it.
class DeviceTensor {
 public:
  virtual ~DeviceTensor() = default;
  virtual const hlo::Shape& shape() const = 0;
  virtual int rank() const = 0;
};

// A tensor on its way to a device, in pieces, so that no host copy of the whole need exist.
class Upload {
 public:
  virtual ~Upload() = default;
  // Bytes at `offset` of the row-major array. Pieces neither overlap nor leave gaps; any order.
  virtual Status write(int64_t offset, std::span<const std::byte> bytes) = 0;
  // The tensor, after the last write. Called once.
  virtual Result<std::unique_ptr<DeviceTensor>> finish() = 0;
};

// A loaded program. The runtime that made it outlives it.
class Program {
 public:
  virtual ~Program() = default;
  virtual const hlo::Module& module() const = 0;
};

// How hard a compiler should try: prefill programs compile faster, decode programs run longer.
enum class ProgramKind : uint8_t { prefill, decode };

// Tensors of one rank. inputs follow module().parameters, outputs module().outputs. An aliased
// output is the same tensor as its parameter; every other output is a tensor of its own.
struct RankBinding {
  std::vector<DeviceTensor*> inputs;
  std::vector<DeviceTensor*> outputs;
};

class Runtime {
 public:
  virtual ~Runtime() = default;

  virtual int ranks() const = 0;

  // Compiles (or finds) and loads a program on all ranks; module.replicas == ranks().
  virtual Result<std::unique_ptr<Program>> load(const hlo::Module& module, ProgramKind kind) = 0;

  // A tensor of zeros. `name` is for messages.
  virtual Result<std::unique_ptr<DeviceTensor>> tensor(int rank, const hlo::Shape& shape,
                                                       const std::string& name) = 0;
  virtual Result<std::unique_ptr<Upload>> upload(int rank, const hlo::Shape& shape,
                                                 const std::string& name) = 0;

  // Replaces a tensor's content; bytes.size() is the tensor's size. Ordered before later execute()s
  // and after earlier ones.
  virtual Status write(DeviceTensor& tensor, std::span<const std::byte> bytes) = 0;

  // Queues the program on all ranks: bindings[rank]. Types and shapes are checked. Executions run
  // in the order of their calls. The tensors live until the ticket has been waited for.
  virtual Result<Ticket> execute(Program& program, std::span<const RankBinding> bindings) = 0;

  // deadline_exceeded leaves the runtime dead: the device may still be at work.
  virtual Status wait(Ticket ticket, Deadline deadline) = 0;

  // Copies a tensor to the host, after the executions that were waited for.
  virtual Status read(const DeviceTensor& tensor, std::span<std::byte> bytes) = 0;

  virtual Health health() const = 0;

  // "xla cpu, 2 devices"
  virtual std::string description() const = 0;
};

}  // namespace ix::backend::xla
