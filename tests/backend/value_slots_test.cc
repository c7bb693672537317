#include "backend/value_slots.h"

#include <gtest/gtest.h>

#include "backend/small_models.h"

namespace ix::backend {
namespace {

using graph::ValueId;

// Runs a graph on tags: a slot holds the id of the value last written to it, and every read must
// find the value it names.
class TagRunner {
 public:
  TagRunner(const graph::Decoder& decoder, const ValueSlots& slots)
      : slots_(slots), held_(slots.slot_width.size(), -1) {
    for (size_t i = 0; i < decoder.values.size(); ++i) {
      EXPECT_GE(slots.slot_width.at(slot(static_cast<ValueId>(i))), decoder.values[i].width);
    }
    for (const graph::Op& op : decoder.ops) {
      std::visit([this](const auto& typed) { run(typed); }, op);
    }
    read(decoder.logits);
  }

 private:
  size_t slot(ValueId id) const {
    return static_cast<size_t>(slots_.slot_of.at(static_cast<size_t>(id)));
  }
  void read(ValueId id) { EXPECT_EQ(held_[slot(id)], id); }
  // Before the inputs are read, as an op that writes while it reads would do.
  void write(ValueId id) { held_[slot(id)] = id; }

  void run(const graph::Embedding& op) { write(op.out); }
  void run(const graph::Linear& op) {
    for (const graph::LinearPart& part : op.parts) write(part.out);
    read(op.in);
    for (const graph::LinearPart& part : op.parts) read(part.out);
  }
  void run(const graph::Attention& op) {
    write(op.out);
    for (const ValueId id : {op.q, op.k, op.v}) read(id);
  }
  void run(const graph::GatedActivation& op) {
    write(op.out);
    for (const ValueId id : {op.gate, op.up}) read(id);
  }
  void run(const graph::Add& op) {
    write(op.out);
    for (const ValueId id : {op.a, op.b}) read(id);
  }
  template <typename OneInput>
  void run(const OneInput& op) {
    write(op.out);
    read(op.in);
  }

  const ValueSlots& slots_;
  std::vector<ValueId> held_;  // [slots]
};

TEST(ValueSlots, NoValueIsOverwrittenBeforeItsLastRead) {
  for (const auto& model : testing::small_models()) {
    const ValueSlots slots = assign_slots(model->decoder);
    TagRunner(model->decoder, slots);
    // A layer keeps few values at once, whatever the number of layers.
    EXPECT_LE(slots.slot_width.size(), 8U) << model->name;
  }
}

TEST(ValueSlots, TheHeadReadsTheLastSum) {
  for (const auto& model : testing::small_models()) {
    const ValueSlots slots = assign_slots(model->decoder);
    const auto& last = model->decoder.ops[static_cast<size_t>(model->decoder.head_op) - 1];
    EXPECT_EQ(slots.carried, std::vector<ValueId>{std::get<graph::Add>(last).out}) << model->name;
  }
}

}  // namespace
}  // namespace ix::backend
