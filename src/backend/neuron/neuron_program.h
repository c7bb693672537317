// A NEFF on all cores.
#pragma once

#include <chrono>
#include <cstddef>
#include <memory>
#include <string>
#include <vector>

#include "backend/neuron/cores.h"
#include "backend/neuron/session.h"
#include "backend/neuron/tensor_sets.h"
#include "backend/xla/runtime.h"

namespace ix::backend::neuron {

class NeuronProgram final : public xla::Program {
 public:
  // Loads on all cores at once: ranks of a program with collectives wait for each other. A core
  // that fails alone leaves the others waiting for ever: that ends the session.
  static Result<std::unique_ptr<NeuronProgram>> load(std::shared_ptr<Session> session,
                                                     std::shared_ptr<TensorSets> sets, Cores& cores,
                                                     const xla::hlo::Module& module,
                                                     std::vector<std::byte> neff,
                                                     std::chrono::seconds limit);
  // Unloads. The cores outlive it.
  ~NeuronProgram() override;

  const xla::hlo::Module& module() const override { return module_; }
  const Session* session() const { return session_.get(); }
  nrt::Model* model(int rank) const { return models_[rank]; }
  // As the NEFF calls its tensors, in the module's order.
  const BoundNames& names() const { return names_; }

 private:
  NeuronProgram(std::shared_ptr<Session> session, std::shared_ptr<TensorSets> sets, Cores& cores,
                const xla::hlo::Module& module, std::vector<nrt::Model*> models)
      : session_(std::move(session)),
        sets_(std::move(sets)),
        cores_(cores),
        module_(module),
        models_(std::move(models)) {}
  Status read_names();

  const std::shared_ptr<Session> session_;
  const std::shared_ptr<TensorSets> sets_;
  Cores& cores_;
  const xla::hlo::Module module_;
  const std::vector<nrt::Model*> models_;  // [ranks]
  BoundNames names_;
};

}  // namespace ix::backend::neuron
