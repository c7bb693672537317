// A graph made ready to run: each op beside the weights it needs, checked and looked up once.
#pragma once

#include <cstdint>
#include <variant>
#include <vector>

#include "backend/reference/rope_angles.h"
#include "backend/reference/weights.h"
#include "graph/decoder.h"

namespace ix::backend::reference {

struct EmbeddingStep {
  graph::Embedding op;
  Matrix weight;
};
struct RmsNormStep {
  graph::RmsNorm op;
  std::vector<float> weight;  // [group]
};
struct LinearStep {
  graph::Linear op;
  Matrix weight;
  std::vector<float> bias;  // [weight rows] or empty
};
struct RopeStep {
  graph::Rope op;
  int32_t angles;  // number of the table in Program::angles
};

using ProgramStep = std::variant<EmbeddingStep, RmsNormStep, LinearStep, RopeStep, graph::Attention,
                                 graph::GatedActivation, graph::Add, graph::Scale, graph::SoftCap>;

struct Program {
  std::vector<ProgramStep> steps;  // as Decoder::ops
  RopeAngles angles;
  int64_t widest_linear = 0;  // most input columns of a linear
  int64_t widest_value_head = 0;
};

// Errors name the tensor. The weights must outlive the program.
Result<Program> make_program(const graph::Decoder& decoder, const quant::WeightSource& weights);

}  // namespace ix::backend::reference
