// Programs as modules: their bytes, their names, and what happens to each weight.
#include "backend/xla/lowering/lowering.h"

#include <gmock/gmock.h>

#include <map>
#include <set>

#include "backend/small_models.h"
#include "backend/xla/hlo/hlo.pb.h"
#include "gguf/gguf_file.h"
#include "model/model.h"
#include "support/tiny_models.h"

namespace ix::backend::xla {
namespace {

using ::testing::Contains;
using testing::SmallModel;

constexpr CacheShape kCache{.slots = 3, .positions = 48, .type = hlo::ElementType::bf16};

// Everything that lowering needs of a model.
struct Prepared {
  std::shared_ptr<const SmallModel> model;
  ShardPlan plan;
  WeightList weights;
  RopeTables rope;

  LoweringModel lowering(LoweringTarget target = {}) const {
    return {&model->decoder, &plan, &weights, &rope, kCache, target};
  }
};

Prepared prepare(std::shared_ptr<const SmallModel> model, int ranks, WeightOptions options = {}) {
  auto plan = plan_shards(model->decoder, ranks);
  EXPECT_TRUE(plan.ok());
  auto weights = list_weights(model->decoder, *plan, model->weights, options);
  EXPECT_TRUE(weights.ok()) << weights.status().message();
  auto rope = rope_tables(model->decoder, model->weights);
  EXPECT_TRUE(rope.ok());
  return {model, *std::move(plan), *std::move(weights), *std::move(rope)};
}

ProgramShape decode_of(const SmallModel& model) {
  return {.kind = ProgramKind::decode,
          .rows = 1,
          .positions = kCache.positions,
          .first_layer = 0,
          .end_layer = static_cast<int32_t>(model.decoder.layers.size()),
          .with_head = true};
}

LoweredProgram lowered(const Prepared& prepared, const ProgramShape& shape,
                       LoweringTarget target = {}) {
  auto program = lower(prepared.lowering(target), shape);
  EXPECT_TRUE(program.ok()) << program.status().message();
  return program.ok() ? *std::move(program) : LoweredProgram{};
}

ix::hlo::HloModuleProto parsed(const LoweredProgram& program) {
  ix::hlo::HloModuleProto proto;
  EXPECT_TRUE(proto.ParseFromString(program.module.bytes));
  return proto;
}

const ix::hlo::HloComputationProto& entry_of(const ix::hlo::HloModuleProto& module) {
  for (const auto& computation : module.computations()) {
    if (computation.id() == module.entry_computation_id()) return computation;
  }
  ADD_FAILURE() << "no entry";
  return module.computations(0);
}

// The instructions that read each one, by id.
std::map<int64_t, std::vector<const ix::hlo::HloInstructionProto*>> users_of(
    const ix::hlo::HloComputationProto& computation) {
  std::map<int64_t, std::vector<const ix::hlo::HloInstructionProto*>> users;
  for (const auto& instruction : computation.instructions()) {
    for (const int64_t operand : instruction.operand_ids()) users[operand].push_back(&instruction);
  }
  return users;
}

TEST(Lowering, GivesTheSameBytesForTheSameShape) {
  for (const auto& model : testing::small_models()) {
    const LoweredProgram first = lowered(prepare(model, 2), decode_of(*model));
    const LoweredProgram second = lowered(prepare(model, 2), decode_of(*model));
    EXPECT_EQ(first.module.bytes, second.module.bytes) << model->name;
    EXPECT_EQ(first.module.parameters.size(), first.inputs.size());
    EXPECT_EQ(first.module.outputs.size(), first.outputs.size());
    EXPECT_EQ(first.module.replicas, 2);
  }
}

// Four layers that are alike but for the types of their tensors.
TEST(Lowering, GivesEqualRangesOneProgram) {
  const tiny::Case item = tiny::load_case("llama-types");
  const auto file = gguf::GgufFile::open(item.path);
  ASSERT_TRUE(file.ok()) << file.status().message();
  const auto decoder = model::build_decoder(**file, {.context_length = item.context_length});
  ASSERT_TRUE(decoder.ok()) << decoder.status().message();
  const auto plan = plan_shards(*decoder, 2);
  const auto weights = list_weights(*decoder, *plan, **file, {});
  ASSERT_TRUE(weights.ok()) << weights.status().message();
  const auto rope = rope_tables(*decoder, **file);
  const LoweringModel lowering{&*decoder, &*plan, &*weights, &*rope, kCache, {}};
  const auto range = [&](int32_t first) {
    const auto program = lower(lowering, {.kind = ProgramKind::prefill,
                                          .rows = 16,
                                          .positions = kCache.positions,
                                          .first_layer = first,
                                          .end_layer = first + 1,
                                          .with_head = false});
    EXPECT_TRUE(program.ok()) << program.status().message();
    return *program;
  };
  const LoweredProgram second = range(1);
  const LoweredProgram third = range(2);
  EXPECT_EQ(second.module.bytes, third.module.bytes);
  EXPECT_NE(second.inputs[1].index, third.inputs[1].index);  // but other weights
  EXPECT_NE(second.module.bytes, range(0).module.bytes);     // which gathers embeddings
}

TEST(Lowering, AliasesEveryCache) {
  const auto model = testing::make_sliding_model();
  const LoweredProgram program = lowered(prepare(model, 1), decode_of(*model));
  ASSERT_EQ(program.module.aliases.size(), 4U);  // keys and values of two layers
  for (const hlo::Alias& alias : program.module.aliases) {
    const ProgramOutput& output = program.outputs[static_cast<size_t>(alias.output)];
    const ProgramInput& input = program.inputs[static_cast<size_t>(alias.parameter)];
    EXPECT_EQ(output.index, input.index);
    EXPECT_EQ(output.kind == OutputKind::keys, input.kind == InputKind::keys);
    const hlo::Shape expected{hlo::ElementType::bf16, {3, 1, 48, 64}};
    EXPECT_EQ(program.module.parameters[static_cast<size_t>(alias.parameter)].shape, expected);
  }
}

// Opcodes on the way from an instruction to the first dot, each with one user; ends with "dot".
std::vector<std::string> way_to_dot(
    const ix::hlo::HloInstructionProto& from,
    const std::map<int64_t, std::vector<const ix::hlo::HloInstructionProto*>>& users) {
  std::vector<std::string> way;
  int64_t id = from.id();
  for (int steps = 0; steps < 20; ++steps) {
    const auto& readers = users.at(id);
    if (readers.size() != 1) return {"not one use"};
    way.push_back(readers.front()->opcode());
    if (way.back() == "dot") return way;
    id = readers.front()->id();
  }
  return {"no dot"};
}

// Every weight of a linear is read once: bf16 by a dot, int8 by the conversion that a dot reads.
TEST(Lowering, ReadsEachWeightOnce) {
  for (const auto& model : testing::small_models()) {
    for (const WeightForm form : {WeightForm::bf16, WeightForm::f16, WeightForm::int8}) {
      SCOPED_TRACE(model->name + std::string(" ") + std::string(to_text(form)));
      const Prepared prepared = prepare(model, 4, {.form = form});
      const LoweredProgram program = lowered(prepared, decode_of(*model));
      const auto proto = parsed(program);
      const auto& entry = entry_of(proto);
      const auto users = users_of(entry);
      size_t weights = 0;
      for (const auto& instruction : entry.instructions()) {
        if (instruction.opcode() != "parameter") continue;
        const ProgramInput& input =
            program.inputs[static_cast<size_t>(instruction.parameter_number())];
        if (input.kind != InputKind::weight) continue;
        const WeightTensor& tensor = prepared.weights.tensors[static_cast<size_t>(input.index)];
        if (tensor.part != WeightPart::values) continue;
        ++weights;
        const std::vector<std::string> expected = form == WeightForm::int8
                                                      ? std::vector<std::string>{"convert", "dot"}
                                                      : std::vector<std::string>{"dot"};
        EXPECT_EQ(way_to_dot(instruction, users), expected) << tensor.name;
      }
      size_t linears = 0;
      for (const graph::Op& op : model->decoder.ops) {
        linears += std::holds_alternative<graph::Linear>(op) ? 1 : 0;
      }
      EXPECT_EQ(weights, linears);
    }
  }
}

// Opcodes of everything that is made of an instruction before a dot reads it.
std::set<std::string> opcodes_before_dots(
    int64_t from,
    const std::map<int64_t, std::vector<const ix::hlo::HloInstructionProto*>>& users) {
  std::set<std::string> opcodes;
  for (const auto* user : users.at(from)) {
    if (user->opcode() == "dot") continue;
    opcodes.insert(user->opcode());
    opcodes.merge(opcodes_before_dots(user->id(), users));
  }
  return opcodes;
}

// Every array of a 4-bit weight is read once, and nothing but elementwise operations, and what
// spreads a block's scale over its rows, stands between it and a dot.
TEST(Lowering, UnpacksFourBitsElementByElement) {
  const std::set<std::string> allowed = {"broadcast", "convert", "floor",
                                         "multiply",  "reshape", "subtract"};
  int arrays = 0;
  for (const auto& model : testing::small_models()) {
    const Prepared prepared = prepare(model, 2, {.form = WeightForm::q4});
    const LoweredProgram program = lowered(prepared, decode_of(*model));
    const auto proto = parsed(program);
    const auto& entry = entry_of(proto);
    const auto users = users_of(entry);
    for (const auto& instruction : entry.instructions()) {
      if (instruction.opcode() != "parameter") continue;
      const ProgramInput& input =
          program.inputs[static_cast<size_t>(instruction.parameter_number())];
      if (input.kind != InputKind::weight) continue;
      const WeightTensor& tensor = prepared.weights.tensors[static_cast<size_t>(input.index)];
      if (prepared.weights.forms[static_cast<size_t>(tensor.op)] != WeightForm::q4) continue;
      const bool packed = tensor.part == WeightPart::values || tensor.part == WeightPart::scales ||
                          tensor.part == WeightPart::minimums;
      if (!packed) continue;
      SCOPED_TRACE(model->name + std::string(" ") + tensor.name);
      EXPECT_EQ(users.at(instruction.id()).size(), 1U);
      for (const std::string& opcode : opcodes_before_dots(instruction.id(), users)) {
        EXPECT_TRUE(allowed.contains(opcode)) << opcode;
      }
      ++arrays;
    }
  }
  EXPECT_GT(arrays, 20);
}

TEST(Lowering, SumsOverRanksAfterRowParallelProducts) {
  const auto model = testing::make_fused_model();  // two layers with two such products each
  const auto count = [&](int ranks) {
    const auto proto = parsed(lowered(prepare(model, ranks), decode_of(*model)));
    std::map<std::string, int> opcodes;
    for (const auto& instruction : entry_of(proto).instructions()) ++opcodes[instruction.opcode()];
    return opcodes;
  };
  EXPECT_EQ(count(1)["all-reduce"], 0);
  EXPECT_EQ(count(4)["all-reduce"], 4 + 2);  // and the head's maximum and smallest id
}

// What only XLA's CPU compiler needs is not in other targets' programs.
TEST(Lowering, PadsASingleRowOnlyWhereAsked) {
  const auto model = testing::make_uneven_model();
  const Prepared prepared = prepare(model, 1);
  LoweringModel one = prepared.lowering();
  one.cache.slots = 1;
  const auto pads = [&](bool asked) {
    one.target.pad_single_rows = asked;
    const auto program = lower(one, decode_of(*model));
    EXPECT_TRUE(program.ok());
    int count = 0;
    const auto proto = parsed(*program);
    for (const auto& instruction : entry_of(proto).instructions()) {
      count += instruction.opcode() == "pad" ? 1 : 0;
    }
    return count;
  };
  EXPECT_EQ(pads(false), 0);
  EXPECT_EQ(pads(true), 15);  // seven linears a layer and the head
}

TEST(Lowering, TakesEmbeddingsFromTheHostWhereAsked) {
  const auto model = testing::make_sliding_model();
  const LoweredProgram program = lowered(
      prepare(model, 1, {.form = WeightForm::bf16, .embed_on_host = true}), decode_of(*model));
  std::set<InputKind> kinds;
  for (const ProgramInput& input : program.inputs) kinds.insert(input.kind);
  EXPECT_TRUE(kinds.contains(InputKind::embeddings));
  EXPECT_FALSE(kinds.contains(InputKind::tokens));
}

TEST(Lowering, NamesParametersAfterTheirPlace) {
  const auto model = testing::make_uneven_model();
  const LoweredProgram program = lowered(prepare(model, 1), decode_of(*model));
  std::vector<std::string> names;
  for (const auto& parameter : program.module.parameters) names.push_back(parameter.name);
  EXPECT_THAT(names, Contains("layer1.op1.attn_q.weight"));
  EXPECT_THAT(names, Contains("layer1.op1.attn_q.bias"));
  EXPECT_THAT(names, Contains("begin.op0.table"));
  EXPECT_THAT(names, Contains("head.op1.head.weight"));
}

TEST(Lowering, RefusesAShapeThatIsNone) {
  const auto model = testing::make_uneven_model();
  const Prepared prepared = prepare(model, 1);
  ProgramShape shape = decode_of(*model);
  shape.end_layer = 3;
  EXPECT_FALSE(lower(prepared.lowering(), shape).ok());
  shape = decode_of(*model);
  shape.positions = kCache.positions + 1;
  EXPECT_FALSE(lower(prepared.lowering(), shape).ok());
  shape = decode_of(*model);
  shape.end_layer = 1;
  EXPECT_FALSE(lower(prepared.lowering(), shape).ok());
}

}  // namespace
}  // namespace ix::backend::xla
