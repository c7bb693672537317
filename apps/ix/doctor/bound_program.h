// A small program with tensors of its own on every rank.
#pragma once

#include <memory>
#include <vector>

#include "backend/xla/runtime.h"
#include "doctor/host_array.h"

namespace ix::cli::doctor {

// inputs(rank) of every rank.
template <typename Inputs>
std::vector<HostArrays> of_all_ranks(int ranks, const Inputs& inputs) {
  std::vector<HostArrays> all;
  all.reserve(static_cast<size_t>(ranks));
  for (int rank = 0; rank < ranks; ++rank) all.push_back(inputs(rank));
  return all;
}

class BoundProgram {
 public:
  // inputs[rank] follow module.parameters. The runtime outlives it.
  static Result<BoundProgram> load(backend::xla::Runtime& runtime,
                                   const backend::xla::hlo::Module& module,
                                   const std::vector<HostArrays>& inputs);

  Status run(backend::Deadline deadline);
  // A call of run() a time, seconds.
  Result<std::vector<double>> time_runs(int runs, backend::Deadline deadline);
  // An output as the last run left it, by its number in the module.
  Result<HostArray> output(int rank, size_t number) const;

  const backend::xla::hlo::Module& module() const { return program_->module(); }
  int ranks() const { return static_cast<int>(bindings_.size()); }

 private:
  BoundProgram(backend::xla::Runtime& runtime, std::unique_ptr<backend::xla::Program> program)
      : runtime_(&runtime), program_(std::move(program)) {}
  Status bind(int rank, const HostArrays& inputs);

  backend::xla::Runtime* runtime_;
  std::unique_ptr<backend::xla::Program> program_;
  std::vector<std::unique_ptr<backend::xla::DeviceTensor>> tensors_;
  std::vector<backend::xla::RankBinding> bindings_;  // [ranks]
};

}  // namespace ix::cli::doctor
