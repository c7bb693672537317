// xla::Runtime on NeuronCores: neuronx-cc, its cache, and libnrt.
#pragma once

#include <chrono>
#include <deque>
#include <memory>
#include <string>
#include <vector>

#include "backend/neuron/compiler/neff_store.h"
#include "backend/neuron/cores.h"
#include "backend/neuron/device_tensor.h"
#include "backend/neuron/neuron_program.h"
#include "backend/neuron/session.h"
#include "backend/xla/runtime.h"

namespace ix::backend::neuron {

struct NeuronOptions {
  std::string library;     // as nrt::Library::load takes it
  int ranks = 0;           // 0 = every visible core
  std::string cache_root;  // as NeffCache::open takes it
  CompilerOptions compiler;
  // What libnrt is told where NEURON_RT_EXEC_TIMEOUT is not set: longer executions are lost.
  std::chrono::seconds execution_timeout{30};
  std::chrono::seconds load_timeout{600};
  // How long the start is tried again while other processes hold the cores: those of a process
  // that was killed come back after some seconds.
  std::chrono::seconds claim_time{10};
};

// Of one process there can be one at a time. What a status means to a program and what is to be
// done is in nrt/nrt_status.h: those that are sticky leave the runtime dead, and the process should
// end. After an execution that failed, those that were queued before wait() told it fail too.
//
// Loading, executing, unloading and closing have limits; reading, writing and making tensors run in
// the caller's thread and last as long as libnrt does. A thread that does not come back from libnrt
// is left behind with what it may use, and the runtime is dead.
class NeuronRuntime final : public xla::Runtime {
 public:
  // Claims the cores. not_found: no library or no cores. resource_exhausted: fewer cores than
  // ranks.
  static Result<std::unique_ptr<NeuronRuntime>> open(const NeuronOptions& options);
  // Programs and tensors went before. Gives the cores back.
  ~NeuronRuntime() override;

  int ranks() const override { return cores_.ranks(); }
  Result<std::unique_ptr<xla::Program>> load(const xla::hlo::Module& module,
                                             xla::ProgramKind kind) override;
  Result<std::unique_ptr<xla::DeviceTensor>> tensor(int rank, const xla::hlo::Shape& shape,
                                                    const std::string& name) override;
  Result<std::unique_ptr<xla::Upload>> upload(int rank, const xla::hlo::Shape& shape,
                                              const std::string& name) override;
  Status write(xla::DeviceTensor& tensor, std::span<const std::byte> bytes) override;
  Result<Ticket> execute(xla::Program& program,
                         std::span<const xla::RankBinding> bindings) override;
  Status wait(Ticket ticket, Deadline deadline) override;
  Status read(const xla::DeviceTensor& tensor, std::span<std::byte> bytes) override;
  Health health() const override;
  std::string description() const override;

  NeffStore& store() { return *store_; }

 private:
  struct Execution;
  struct Progress;

  NeuronRuntime(std::shared_ptr<Session> session, std::unique_ptr<NeffStore> store, int ranks,
                const NeuronOptions& options);
  Status start(const NeuronOptions& options);
  Result<std::shared_ptr<Allocation>> allocate(int rank, const xla::hlo::Shape& shape,
                                               const std::string& name);
  Status write_in_turn(NeuronTensor& tensor, std::span<const std::byte> bytes);
  NeuronTensor* ours(xla::DeviceTensor* tensor) const;
  Status check_binding(const NeuronProgram& program, int rank,
                       const xla::RankBinding& binding) const;
  Result<SetPair> bind(const NeuronProgram& program, int rank, const xla::RankBinding& binding);
  void fail_queued(const Status& failure);

  const std::shared_ptr<Session> session_;
  const std::unique_ptr<NeffStore> store_;
  const std::shared_ptr<TensorSets> sets_;
  const std::shared_ptr<Progress> progress_;
  const std::chrono::seconds execution_limit_;
  const std::chrono::seconds load_timeout_;
  Cores cores_;
  bool started_ = false;  // nrt_close is due

  // Owner thread only.
  Ticket last_ticket_ = 0;
  std::vector<uint64_t> posted_;  // [ranks]: jobs so far
  std::deque<std::shared_ptr<Execution>> pending_;
};

}  // namespace ix::backend::neuron
