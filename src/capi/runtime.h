// What a process has of the library: the device, its cores, and the handles given out.
#pragma once

#include <memory>
#include <mutex>
#include <utility>

#include "backend/cpu/gemm_exact.h"
#include "backend/cpu/packed_matrix.h"
#include "backend/xla/gemm/gemm_device.h"
#include "base/result.h"
#include "capi/cores.h"
#include "capi/device.h"
#include "capi/handle_table.h"
#include "capi/stream.h"
#include "ix/ix.h"

namespace ix::capi {

// What an ix_gemm_weights names. Immutable.
struct Weights {
  int64_t rows = 0;
  int64_t cols = 0;
  bool exact = true;
  // One of these:
  std::shared_ptr<const backend::xla::ShardedWeights> sharded;  // on an accelerator
  backend::cpu::HalfMatrix halves;                              // on the CPU, where exact
  backend::cpu::PackedMatrix panels;                            // else
};

// The device and the threads that serve it; the same for the whole process.
class Machine {
 public:
  explicit Machine(Device chosen);

  const Device& device() const { return device_; }
  Cores& cores() { return cores_; }

  // Null where the CPU serves. unavailable after shut_down().
  Result<std::shared_ptr<backend::xla::GemmDevice>> accelerator() const;

  // Waits for what runs, on the CPU and on the accelerator, which is given back once nobody holds
  // it.
  void shut_down();

 private:
  Device device_;  // without its accelerator
  Cores cores_;
  const bool accelerated_;
  mutable std::mutex mutex_;
  std::shared_ptr<backend::xla::GemmDevice> accelerator_;  // guarded by mutex_
};

class Runtime {
 public:
  // Made at the first call. At exit, and when the library is unloaded, work that runs is waited
  // for, work that waits is dropped, and all threads are joined; later calls find it unavailable.
  static Runtime& get();

  // Chosen at the first call that succeeds. The errors of choose_device().
  Result<Machine*> machine();

  // Puts the end of the process for this library before the ends of all that was made so far. Exit
  // handlers run youngest first, and a device's library makes objects with handlers of their own
  // when it is loaded, compiles and executes.
  void end_first();

  // invalid_argument for a handle that is not (or no longer) there.
  Result<std::shared_ptr<Stream>> find(const ix_stream* stream) const;
  Result<std::shared_ptr<const Weights>> find(const ix_gemm_weights* weights) const;

  HandleTable<ix_stream, Stream, 1> streams;
  HandleTable<ix_gemm_weights, const Weights, 2> weights;

 private:
  struct EndOfProcess;
  Runtime() = default;
  void shut_down();

  std::mutex mutex_;
  std::unique_ptr<Machine> machine_;
};

}  // namespace ix::capi
