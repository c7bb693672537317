#include "backend/reference/step_runner.h"

#include <algorithm>

#include "backend/reference/linear.h"
#include "backend/reference/row_ops.h"

namespace ix::backend::reference {

StepRunner::StepRunner(const graph::Decoder& decoder, Program program)
    : decoder_(&decoder), program_(std::move(program)), slots_(assign_slots(decoder)) {
  buffers_.resize(slots_.slot_width.size());
  places_.resize(decoder.kv_groups.size());
}

Result<StepRunner> StepRunner::create(const graph::Decoder& decoder,
                                      const quant::WeightSource& weights, const KvInfo& kv) {
  IX_ASSIGN_OR_RETURN(Program program, make_program(decoder, weights));
  StepRunner runner(decoder, std::move(program));
  runner.tokens_per_block_ = kv.tokens_per_block;
  for (const graph::KvLayer& layer : decoder.kv_layers) {
    IX_ASSIGN_OR_RETURN(KvLayerCache cache, KvLayerCache::create(layer, kv));
    runner.caches_.push_back(std::move(cache));
  }
  return runner;
}

std::span<const float> StepRunner::run(const StepInput& input, std::span<const int32_t> wanted,
                                       ThreadPool& pool) {
  pool_ = &pool;
  tokens_ = input.tokens;
  rows_ = static_cast<int64_t>(input.tokens.size());
  place_rows(input);
  prepare_scratch(pool.threads());
  const auto head = static_cast<size_t>(decoder_->head_op);
  for (size_t i = 0; i < program_.steps.size(); ++i) {
    if (i == head) keep_rows(wanted);
    if (rows_ == 0) return {};
    std::visit([this](const auto& step) { run_step(step); }, program_.steps[i]);
  }
  const auto size = static_cast<size_t>(rows_ * decoder_->vocab_size);
  return std::span<const float>(data(decoder_->logits), size);
}

void StepRunner::place_rows(const StepInput& input) {
  positions_.clear();
  for (auto& group : places_) group.clear();
  for (const SequenceRows& sequence : input.sequences) {
    for (Position position = sequence.start; position < sequence.start + sequence.rows;
         ++position) {
      positions_.push_back(position);
      for (size_t group = 0; group < places_.size(); ++group) {
        places_[group].push_back({position, sequence.block_tables[group]});
      }
    }
  }
  program_.angles.compute(positions_);
}

void StepRunner::prepare_scratch(int threads) {
  const auto longest =
      static_cast<size_t>(*std::max_element(positions_.begin(), positions_.end())) + 1;
  const auto value_head = static_cast<size_t>(program_.widest_value_head);
  weight_scratch_.resize(static_cast<size_t>(threads));
  attention_scratch_.resize(static_cast<size_t>(threads));
  for (auto& scratch : weight_scratch_) {
    scratch.resize(static_cast<size_t>(kLinearTileRows * program_.widest_linear));
  }
  for (AttentionScratch& scratch : attention_scratch_) {
    if (scratch.scores.size() < longest) scratch.scores.resize(longest);
    scratch.block_sum.resize(value_head);
    scratch.sum.resize(value_head);
  }
}

// Moves the wanted rows of what the head reads to the front.
void StepRunner::keep_rows(std::span<const int32_t> wanted) {
  for (const graph::ValueId id : slots_.carried) {
    for (size_t i = 0; i < wanted.size(); ++i) {
      if (static_cast<int64_t>(i) == wanted[i]) continue;
      const std::span<const float> from = row_of(id, wanted[i]);
      std::copy(from.begin(), from.end(), row_of(id, static_cast<int64_t>(i)).begin());
    }
  }
  rows_ = static_cast<int64_t>(wanted.size());
}

void StepRunner::run_step(const EmbeddingStep& step) {
  make_room(step.op.out);
  pool_->run(rows_, [&](int64_t row, int) {
    step.weight.read_row(tokens_[static_cast<size_t>(row)], row_of(step.op.out, row));
  });
}

void StepRunner::run_step(const RmsNormStep& step) {
  make_room(step.op.out);
  pool_->run(rows_, [&](int64_t row, int) {
    rms_norm(row_of(step.op.in, row), step.weight, step.op.eps, step.op.group,
             row_of(step.op.out, row));
  });
}

void StepRunner::run_step(const LinearStep& step) {
  std::vector<LinearOutput> outputs;
  for (const graph::LinearPart& part : step.op.parts) {
    outputs.push_back({.out = make_room(part.out), .width = part.width});
  }
  run_linear(step.weight, step.bias, data(step.op.in), rows_, outputs, *pool_, weight_scratch_);
}

void StepRunner::run_step(const RopeStep& step) {
  make_room(step.op.out);
  pool_->run(rows_, [&](int64_t row, int) {
    rotate(step.op, program_.angles.cosines(step.angles, row),
           program_.angles.sines(step.angles, row), row_of(step.op.in, row),
           row_of(step.op.out, row));
  });
}

void StepRunner::run_step(const graph::Attention& step) {
  const auto layer = static_cast<size_t>(step.kv_layer);
  const auto group = static_cast<size_t>(decoder_->kv_layers[layer].group);
  float* out = make_room(step.out);
  run_attention(step, caches_[layer], tokens_per_block_, places_[group], data(step.q), data(step.k),
                data(step.v), out, *pool_, attention_scratch_);
}

void StepRunner::run_step(const graph::GatedActivation& step) {
  make_room(step.out);
  pool_->run(rows_, [&](int64_t row, int) {
    gated_activation(step.activation, row_of(step.gate, row), row_of(step.up, row),
                     row_of(step.out, row));
  });
}

void StepRunner::run_step(const graph::Add& step) {
  make_room(step.out);
  pool_->run(rows_, [&](int64_t row, int) {
    add(row_of(step.a, row), row_of(step.b, row), row_of(step.out, row));
  });
}

void StepRunner::run_step(const graph::Scale& step) {
  make_room(step.out);
  pool_->run(rows_, [&](int64_t row, int) {
    scale(row_of(step.in, row), step.factor, row_of(step.out, row));
  });
}

void StepRunner::run_step(const graph::SoftCap& step) {
  make_room(step.out);
  pool_->run(rows_, [&](int64_t row, int) {
    soft_cap(row_of(step.in, row), step.cap, row_of(step.out, row));
  });
}

void StepRunner::copy_blocks(int32_t group, std::span<const BlockId> from,
                             std::span<const BlockId> to) {
  for (size_t layer = 0; layer < caches_.size(); ++layer) {
    if (decoder_->kv_layers[layer].group != group) continue;
    for (size_t i = 0; i < from.size(); ++i) caches_[layer].copy_block(from[i], to[i]);
  }
}

int64_t StepRunner::width(graph::ValueId id) const {
  return decoder_->values[static_cast<size_t>(id)].width;
}

float* StepRunner::data(graph::ValueId id) {
  return buffers_[static_cast<size_t>(slots_.slot_of[static_cast<size_t>(id)])].data();
}

float* StepRunner::make_room(graph::ValueId id) {
  auto& buffer = buffers_[static_cast<size_t>(slots_.slot_of[static_cast<size_t>(id)])];
  const auto size = static_cast<size_t>(rows_ * width(id));
  if (buffer.size() < size) buffer.resize(size);
  return buffer.data();
}

std::span<float> StepRunner::row_of(graph::ValueId id, int64_t row) {
  return {data(id) + row * width(id), static_cast<size_t>(width(id))};
}

}  // namespace ix::backend::reference
