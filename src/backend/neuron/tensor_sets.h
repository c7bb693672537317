// Tensor sets of executions, kept for the next execution with the same tensors: a step binds
// hundreds of tensors, and mostly those of an earlier step.
#pragma once

#include <list>
#include <memory>
#include <mutex>
#include <span>
#include <string>
#include <vector>

#include "backend/neuron/session.h"

namespace ix::backend::neuron {

// Inputs and outputs of one program on one core.
struct SetPair {
  nrt::TensorSet* inputs = nullptr;
  nrt::TensorSet* outputs = nullptr;
};

struct BoundNames {
  std::vector<std::string> inputs;
  std::vector<std::string> outputs;
};

// Thread-safe. Libnrt's sets hold bare pointers: a tensor that goes tells forget() first.
class TensorSets {
 public:
  explicit TensorSets(std::shared_ptr<Session> session) : session_(std::move(session)) {}
  ~TensorSets();
  TensorSets(const TensorSets&) = delete;
  TensorSets& operator=(const TensorSets&) = delete;

  // The sets of a model's tensors, in the order of the names. They stay until a tensor, or the
  // model, is forgotten, or until many younger ones were made; not before the execution that they
  // were asked for has ended, as long as the tensors live.
  Result<SetPair> get(const nrt::Model* model, const BoundNames& names,
                      std::span<nrt::Tensor* const> inputs, std::span<nrt::Tensor* const> outputs);
  void forget(const nrt::Tensor* tensor);
  void forget(const nrt::Model* model);
  void clear();

 private:
  struct Entry {
    const nrt::Model* model;
    std::vector<nrt::Tensor*> inputs;
    std::vector<nrt::Tensor*> outputs;
    SetPair sets;
  };

  Result<nrt::TensorSet*> make(const std::vector<std::string>& names,
                               std::span<nrt::Tensor* const> tensors);
  void destroy(Entry& entry);

  const std::shared_ptr<Session> session_;
  std::mutex mutex_;
  std::list<Entry> entries_;  // the one used last comes first
};

}  // namespace ix::backend::neuron
