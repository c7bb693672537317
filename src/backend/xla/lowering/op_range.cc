#include "backend/xla/lowering/op_range.h"

#include "backend/value_slots.h"

namespace ix::backend::xla {
namespace {

// For each value the op that writes it and the last that reads it.
struct Lives {
  std::vector<size_t> written;
  std::vector<std::vector<size_t>> read;
};

Lives lives_of(const graph::Decoder& decoder) {
  Lives lives{std::vector<size_t>(decoder.values.size()),
              std::vector<std::vector<size_t>>(decoder.values.size())};
  for (size_t i = 0; i < decoder.ops.size(); ++i) {
    const Operands operands = operands_of(decoder.ops[i]);
    for (const graph::ValueId id : operands.writes) lives.written[static_cast<size_t>(id)] = i;
    for (const graph::ValueId id : operands.reads) lives.read[static_cast<size_t>(id)].push_back(i);
  }
  return lives;
}

bool inside(const OpRange& range, size_t op) { return op >= range.first && op < range.end; }

template <typename Crosses>
std::vector<graph::ValueId> crossing(const graph::Decoder& decoder, Crosses crosses) {
  const Lives lives = lives_of(decoder);
  std::vector<graph::ValueId> ids;
  for (size_t id = 0; id < decoder.values.size(); ++id) {
    for (const size_t reader : lives.read[id]) {
      if (!crosses(lives.written[id], reader)) continue;
      ids.push_back(static_cast<graph::ValueId>(id));
      break;
    }
  }
  return ids;
}

}  // namespace

OpRange op_range(const graph::Decoder& decoder, const ProgramShape& shape) {
  const auto border = [&](int32_t layer) {
    const auto index = static_cast<size_t>(layer);
    return static_cast<size_t>(index < decoder.layers.size() ? decoder.layers[index].first_op
                                                             : decoder.head_op);
  };
  const bool begin = shape.first_layer == 0 && shape.end_layer > 0;
  return {.first = begin ? 0 : border(shape.first_layer),
          .end = shape.with_head ? decoder.ops.size() : border(shape.end_layer)};
}

std::vector<graph::ValueId> values_into(const graph::Decoder& decoder, const OpRange& range) {
  return crossing(decoder, [&](size_t written, size_t read) {
    return written < range.first && inside(range, read);
  });
}

std::vector<graph::ValueId> values_out_of(const graph::Decoder& decoder, const OpRange& range) {
  return crossing(decoder, [&](size_t written, size_t read) {
    return inside(range, written) && read >= range.end;
  });
}

}  // namespace ix::backend::xla
