#include "backend/xla/bound_program.h"

namespace ix::backend::xla {
namespace {

class Binder {
 public:
  Binder(XlaModel& model, TensorTable& rows, TensorTable& cache, ResultTensors* results)
      : model_(model), rows_(rows), cache_(cache), results_(results) {}

  Result<DeviceTensor*> input(const ProgramInput& what, const hlo::NamedShape& shape, int rank) {
    switch (what.kind) {
      case InputKind::weight:
        return model_.weight(rank, what.index);
      case InputKind::first_token:
        return model_.first_token(rank);
      case InputKind::keys:
      case InputKind::values:
        return of_table(cache_, what.kind, what.index, shape, rank);
      case InputKind::logits:
        return of_results(results_->logits, shape, rank);
      default:
        return of_table(rows_, what.kind, what.index, shape, rank);
    }
  }

  Result<DeviceTensor*> output(const ProgramOutput& what, const hlo::NamedShape& shape, int rank) {
    switch (what.kind) {
      case OutputKind::hidden:
        return of_table(rows_, InputKind::hidden, what.index, shape, rank);
      case OutputKind::keys:
        return of_table(cache_, InputKind::keys, what.index, shape, rank);
      case OutputKind::values:
        return of_table(cache_, InputKind::values, what.index, shape, rank);
      case OutputKind::logits:
        return of_results(results_->logits, shape, rank);
      case OutputKind::argmax:
        return of_results(results_->argmax, shape, rank);
      case OutputKind::top_values:
        return of_results(results_->top_values, shape, rank);
      case OutputKind::top_tokens:
        return of_results(results_->top_tokens, shape, rank);
      case OutputKind::logsumexp:
        return of_results(results_->logsumexp, shape, rank);
    }
    return internal_error("an output of no kind");
  }

 private:
  static Result<DeviceTensor*> of_table(TensorTable& table, InputKind kind, int32_t index,
                                        const hlo::NamedShape& shape, int rank) {
    IX_ASSIGN_OR_RETURN(const RankTensors* tensors, table.get(kind, index, shape));
    return tensors->on(rank);
  }

  Result<DeviceTensor*> of_results(RankTensors& tensors, const hlo::NamedShape& shape, int rank) {
    if (tensors.empty()) {
      IX_ASSIGN_OR_RETURN(tensors, RankTensors::create(model_.runtime(), shape.shape, shape.name));
    }
    return tensors.on(rank);
  }

  XlaModel& model_;
  TensorTable& rows_;
  TensorTable& cache_;
  ResultTensors* results_;
};

}  // namespace

Result<BoundProgram> bind(XlaModel& model, const LoweredProgram& lowered, ProgramKind kind,
                          TensorTable& rows, TensorTable& cache, ResultTensors* results) {
  BoundProgram bound;
  IX_ASSIGN_OR_RETURN(bound.program, model.program(lowered.module, kind));
  Binder binder(model, rows, cache, results);
  for (int rank = 0; rank < model.plan().ranks; ++rank) {
    RankBinding& binding = bound.bindings.emplace_back();
    for (size_t i = 0; i < lowered.inputs.size(); ++i) {
      IX_ASSIGN_OR_RETURN(DeviceTensor * tensor,
                          binder.input(lowered.inputs[i], lowered.module.parameters[i], rank));
      binding.inputs.push_back(tensor);
    }
    for (size_t i = 0; i < lowered.outputs.size(); ++i) {
      IX_ASSIGN_OR_RETURN(DeviceTensor * tensor,
                          binder.output(lowered.outputs[i], lowered.module.outputs[i], rank));
      binding.outputs.push_back(tensor);
    }
  }
  return bound;
}

}  // namespace ix::backend::xla
