// xla::Runtime on any PJRT plugin.
#pragma once

#include <cstdint>
#include <deque>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "backend/xla/pjrt/client.h"
#include "backend/xla/runtime.h"

namespace ix::backend::xla::pjrt {

struct PjrtOptions {
  std::string plugin;  // path of the shared library
  int devices = 1;     // ranks; a CPU plugin makes that many virtual ones
};

class PjrtTensor;
class PjrtProgram;

// Programs are replicated: one replica a device, all devices started by one call. An execution that
// fails after it was started leaves the runtime dead where the program has aliases: its tensors are
// lost. A runtime that goes waits for its executions; one that a deadline has killed leaves its
// client behind instead.
class PjrtRuntime final : public Runtime {
 public:
  // Status codes: those of Plugin::load and open_client.
  static Result<std::unique_ptr<PjrtRuntime>> open(const PjrtOptions& options);
  ~PjrtRuntime() override;

  int ranks() const override { return static_cast<int>(device_ids_.size()); }
  // PJRT has no option for the kind that all plugins know: it is not used.
  Result<std::unique_ptr<Program>> load(const hlo::Module& module, ProgramKind kind) override;
  Result<std::unique_ptr<DeviceTensor>> tensor(int rank, const hlo::Shape& shape,
                                               const std::string& name) override;
  Result<std::unique_ptr<Upload>> upload(int rank, const hlo::Shape& shape,
                                         const std::string& name) override;
  Status write(DeviceTensor& tensor, std::span<const std::byte> bytes) override;
  Result<Ticket> execute(Program& program, std::span<const RankBinding> bindings) override;
  Status wait(Ticket ticket, Deadline deadline) override;
  Status read(const DeviceTensor& tensor, std::span<std::byte> bytes) override;
  Health health() const override;
  std::string description() const override;

  // Of one device.
  Result<MemoryStats> memory_stats(const Program& program) const;
  // Of the tensor's content on its device.
  Result<uintptr_t> address(const DeviceTensor& tensor) const;

 private:
  struct Pending {
    Ticket ticket;
    std::string program;
    bool loses_tensors;  // if it fails
    std::vector<Event> complete;
  };

  PjrtRuntime(std::unique_ptr<Client> client, std::vector<int> device_ids);
  // The tensor as ours; null for one of another runtime.
  PjrtTensor* ours(DeviceTensor* tensor) const;
  const PjrtTensor* ours(const DeviceTensor* tensor) const;
  Status check_rank(int rank) const;
  Status check_binding(const PjrtProgram& program, int rank, const RankBinding& binding) const;
  // Ok, or why the runtime is dead.
  Status alive() const;
  // Until all executions have ended, well or not.
  void settle() const;
  void die(Status status);

  std::unique_ptr<Client> client_;
  std::vector<int> device_ids_;  // [ranks]
  mutable std::mutex mutex_;
  Status death_;           // guarded by mutex_
  Ticket executions_ = 0;  // calls of execute(); the last one's ticket
  std::deque<Pending> pending_;
  const bool one_at_a_time_;
  bool timed_out_ = false;
};

}  // namespace ix::backend::xla::pjrt
