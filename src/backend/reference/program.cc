#include "backend/reference/program.h"

#include <algorithm>

namespace ix::backend::reference {
namespace {

class Builder {
 public:
  Builder(const graph::Decoder& decoder, const quant::WeightSource& weights)
      : decoder_(decoder), weights_(weights) {}

  Result<Program> run() {
    for (const graph::Op& op : decoder_.ops) {
      IX_ASSIGN_OR_RETURN(ProgramStep step,
                          std::visit([this](const auto& typed) { return make(typed); }, op));
      program_.steps.push_back(std::move(step));
    }
    return std::move(program_);
  }

 private:
  Result<ProgramStep> make(const graph::Embedding& op) {
    const int64_t width = decoder_.values[static_cast<size_t>(op.out)].width;
    IX_ASSIGN_OR_RETURN(Matrix weight,
                        Matrix::open(weights_, op.weight, decoder_.vocab_size, width));
    return ProgramStep(EmbeddingStep{op, weight});
  }

  Result<ProgramStep> make(const graph::RmsNorm& op) {
    IX_ASSIGN_OR_RETURN(std::vector<float> weight, read_vector(weights_, op.weight, op.group));
    return ProgramStep(RmsNormStep{op, std::move(weight)});
  }

  Result<ProgramStep> make(const graph::Linear& op) {
    int64_t rows = 0;
    for (const graph::LinearPart& part : op.parts) rows += part.width;
    IX_ASSIGN_OR_RETURN(Matrix weight, Matrix::open(weights_, op.weight, rows, op.in_width));
    std::vector<float> bias;
    if (!op.bias.empty()) {
      IX_ASSIGN_OR_RETURN(bias, read_vector(weights_, op.bias, rows));
    }
    program_.widest_linear = std::max(program_.widest_linear, op.in_width);
    return ProgramStep(LinearStep{op, weight, std::move(bias)});
  }

  Result<ProgramStep> make(const graph::Rope& op) {
    if (static_cast<int32_t>(program_.steps.size()) >= decoder_.head_op) {
      return internal_error("graph: a rope in the head, where rows have lost their positions");
    }
    std::vector<float> factors;
    if (!op.factors.empty()) {
      IX_ASSIGN_OR_RETURN(factors, read_vector(weights_, op.factors, op.rotary_dim / 2));
    }
    return ProgramStep(RopeStep{op, program_.angles.add(graph::rope_table(op, factors))});
  }

  Result<ProgramStep> make(const graph::Attention& op) {
    program_.widest_value_head = std::max(program_.widest_value_head, op.value_head_dim);
    return ProgramStep(op);
  }

  Result<ProgramStep> make(const graph::GatedActivation& op) { return ProgramStep(op); }
  Result<ProgramStep> make(const graph::Add& op) { return ProgramStep(op); }
  Result<ProgramStep> make(const graph::Scale& op) { return ProgramStep(op); }
  Result<ProgramStep> make(const graph::SoftCap& op) { return ProgramStep(op); }

  const graph::Decoder& decoder_;
  const quant::WeightSource& weights_;
  Program program_;
};

}  // namespace

Result<Program> make_program(const graph::Decoder& decoder, const quant::WeightSource& weights) {
  return Builder(decoder, weights).run();
}

}  // namespace ix::backend::reference
