#include "backend/neuron/tensor_sets.h"

#include <fmt/format.h>

#include <algorithm>

namespace ix::backend::neuron {
namespace {

// More than programs × cores × buffers that take turns; steps in flight are far fewer.
constexpr size_t kMostEntries = 1024;

bool holds(const std::vector<nrt::Tensor*>& tensors, const nrt::Tensor* tensor) {
  return std::ranges::find(tensors, tensor) != tensors.end();
}

}  // namespace

TensorSets::~TensorSets() {
  if (!session_->left_behind()) clear();
}

void TensorSets::clear() {
  const std::lock_guard lock(mutex_);
  for (Entry& entry : entries_) destroy(entry);
  entries_.clear();
}

Result<SetPair> TensorSets::get(const nrt::Model* model, const BoundNames& names,
                                std::span<nrt::Tensor* const> inputs,
                                std::span<nrt::Tensor* const> outputs) {
  const std::lock_guard lock(mutex_);
  const auto known = std::ranges::find_if(entries_, [&](const Entry& entry) {
    return entry.model == model && std::ranges::equal(entry.inputs, inputs) &&
           std::ranges::equal(entry.outputs, outputs);
  });
  if (known != entries_.end()) {
    entries_.splice(entries_.begin(), entries_, known);
    return entries_.front().sets;
  }
  Entry entry{model, {inputs.begin(), inputs.end()}, {outputs.begin(), outputs.end()}, {}};
  IX_ASSIGN_OR_RETURN(entry.sets.inputs, make(names.inputs, inputs));
  Result<nrt::TensorSet*> output_set = make(names.outputs, outputs);
  if (!output_set.ok()) {
    destroy(entry);
    return output_set.status();
  }
  entry.sets.outputs = *output_set;
  entries_.push_front(std::move(entry));
  if (entries_.size() > kMostEntries) {
    destroy(entries_.back());
    entries_.pop_back();
  }
  return entries_.front().sets;
}

Result<nrt::TensorSet*> TensorSets::make(const std::vector<std::string>& names,
                                         std::span<nrt::Tensor* const> tensors) {
  const nrt::Functions& nrt = session_->nrt();
  nrt::TensorSet* set = nullptr;
  IX_RETURN_IF_ERROR(
      session_->call("nrt_allocate_tensor_set", [&] { return nrt.allocate_tensor_set(&set); }));
  for (size_t i = 0; i < tensors.size(); ++i) {
    const Status added = session_->call(
        fmt::format("nrt_add_tensor_to_tensor_set of {}", names[i]),
        [&] { return nrt.add_tensor_to_tensor_set(set, names[i].c_str(), tensors[i]); });
    if (!added.ok()) {
      nrt.destroy_tensor_set(&set);
      return added;
    }
  }
  return set;
}

void TensorSets::destroy(Entry& entry) {
  for (nrt::TensorSet** set : {&entry.sets.inputs, &entry.sets.outputs}) {
    if (*set != nullptr) session_->nrt().destroy_tensor_set(set);
  }
}

void TensorSets::forget(const nrt::Tensor* tensor) {
  const std::lock_guard lock(mutex_);
  std::erase_if(entries_, [&](Entry& entry) {
    const bool gone = holds(entry.inputs, tensor) || holds(entry.outputs, tensor);
    if (gone) destroy(entry);
    return gone;
  });
}

void TensorSets::forget(const nrt::Model* model) {
  const std::lock_guard lock(mutex_);
  std::erase_if(entries_, [&](Entry& entry) {
    if (entry.model == model) destroy(entry);
    return entry.model == model;
  });
}

}  // namespace ix::backend::neuron
