// Rules of neuronx-cc and of NeuronCore-v2 (Inferentia2, Trainium1). Codes and limits: AWS Neuron
// SDK 2.32's pages of error codes, and issues 1335 and 1339 of the SDK.
#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <limits>
#include <optional>
#include <set>
#include <string_view>

#include "backend/xla/hlo/text.h"
#include "backend/xla/hlo/verifier_rules.h"

namespace ix::backend::xla::hlo {
namespace {

using Entry = ModuleIndex::Entry;

// Sort with slice becomes TopK with k = the sorted extent, and k is at most this.
constexpr int64_t kMaxSortExtent = 16384;

// Array types anywhere in a shape.
void append_types(const ix::hlo::ShapeProto& shape, std::set<ix::hlo::PrimitiveType>& types) {
  if (shape.element_type() != ix::hlo::TUPLE) types.insert(shape.element_type());
  for (const auto& part : shape.tuple_shapes()) append_types(part, types);
}

bool is_dynamic(const ix::hlo::ShapeProto& shape) {
  return std::ranges::any_of(shape.is_dynamic_dimension(), [](bool dynamic) { return dynamic; }) ||
         std::ranges::any_of(shape.dimensions(), [](int64_t dim) { return dim < 0; }) ||
         std::ranges::any_of(shape.tuple_shapes(), is_dynamic);
}

bool is_integer_proto(ix::hlo::PrimitiveType type) {
  return (type >= ix::hlo::S8 && type <= ix::hlo::U64) || type == ix::hlo::PRED;
}

struct TypeRefusal {
  const char* code;
  const char* why;
};

std::optional<TypeRefusal> refusal_of(ix::hlo::PrimitiveType type) {
  switch (type) {
    case ix::hlo::F64:
      return TypeRefusal{"ESPP004", "the device has no float64"};
    case ix::hlo::C64:
    case ix::hlo::C128:
      return TypeRefusal{"EVRF004", "the device has no complex numbers"};
    case ix::hlo::S64:
    case ix::hlo::U64:
      return TypeRefusal{"", "64-bit integers are narrowed or refused, by the compiler's version"};
    case ix::hlo::S2:
    case ix::hlo::U2:
    case ix::hlo::S4:
    case ix::hlo::U4:
    case ix::hlo::F4E2M1FN:
      return TypeRefusal{"ESPP004", "the device has no type below 8 bits"};
    case ix::hlo::F8E4M3FN:
      return TypeRefusal{"EVRF051", "this core has float8 as e4m3 and e5m2, not as e4m3fn"};
    case ix::hlo::F8E4M3B11FNUZ:
    case ix::hlo::F8E5M2FNUZ:
    case ix::hlo::F8E4M3FNUZ:
      return TypeRefusal{"EVRF005", "this core has float8 as e4m3 and e5m2 only"};
    case ix::hlo::F8E8M0FNU:
      return TypeRefusal{"ESPP004", "this core has float8 as e4m3 and e5m2 only"};
    default:
      return std::nullopt;
  }
}

void check_types(const Entry& entry, Findings& findings) {
  const auto& shape = entry.instruction->shape();
  if (is_dynamic(shape)) {
    findings.error("static-shapes", "EMOD025", entry.place(),
                   "has a dynamic dimension: " + to_text(shape, false),
                   "compile one program a shape (buckets)");
  }
  std::set<ix::hlo::PrimitiveType> types;
  append_types(shape, types);
  for (const ix::hlo::PrimitiveType type : types) {
    const std::optional<TypeRefusal> refusal = refusal_of(type);
    if (!refusal) continue;
    findings.error("element-type", refusal->code, entry.place(),
                   fmt::format("{}: {}", to_text(shape, false), refusal->why),
                   "use f32, bf16, f16, s32 or s8");
  }
}

// An operator that the compiler has no code for; its page of EVRF001 names the first ones.
void check_operator(const Entry& entry, Findings& findings) {
  static constexpr auto kUnknown = std::to_array<std::string_view>(
      {"triangular-solve", "cholesky", "fft", "async-start", "async-done", "domain",
       "dynamic-reshape", "set-dimension-size"});
  const std::string& opcode = entry.instruction->opcode();
  if (std::ranges::find(kUnknown, opcode) != kUnknown.end()) {
    findings.error("operator", "EVRF001", entry.place(), opcode + " is not taken",
                   "write it with others");
  }
  if (opcode == "reduce-window" && entry.operands.size() != 2) {
    findings.error("operator", "EVRF019", entry.place(),
                   fmt::format("reduce-window of {} operands", entry.operands.size()),
                   "give it one array and one initial value");
  }
}

void check_control(const Entry& entry, Findings& findings) {
  const std::string& opcode = entry.instruction->opcode();
  static constexpr auto kOfTheHost = std::to_array<std::string_view>(
      {"infeed", "outfeed", "recv", "recv-done", "send", "send-done"});
  if (opcode == "while") {
    findings.error("control-flow", "EVRF001", entry.place(),
                   "a loop is taken only with a static trip count, which is not looked for here",
                   "unroll it");
  } else if (opcode == "conditional") {
    findings.error("control-flow", "EVRF001", entry.place(), "conditional is not taken",
                   "compute both sides and select");
  } else if (std::ranges::find(kOfTheHost, opcode) != kOfTheHost.end()) {
    findings.error("host-callback", "EVRF001", entry.place(), opcode + " waits for the host",
                   "end the program there and go on in another");
  } else if (opcode == "custom-call" &&
             !entry.instruction->custom_call_target().starts_with("AwsNeuron")) {
    findings.error("host-callback", "EVRF015", entry.place(),
                   fmt::format("calls {}, which is not on the device",
                               entry.instruction->custom_call_target()),
                   "end the program there and go on in another");
  }
}

void check_topk(const Entry& entry, Findings& findings) {
  const Instruction& instruction = *entry.instruction;
  const std::string& target = instruction.custom_call_target();
  if (instruction.opcode() != "topk" && target != "TopK" && target != "AwsNeuronTopK") return;
  if (entry.operands.empty()) return;
  const auto& operand = entry.operands.front()->shape();
  if (is_integer_proto(operand.element_type())) {
    findings.error("topk", "EVRF013", entry.place(), "TopK of " + to_text(operand, false),
                   "convert to f32, exact below 2^24");
  }
  if (instruction.dimensions_size() > 0 &&
      instruction.dimensions(0) != operand.dimensions_size() - 1) {
    findings.error("topk", "", entry.place(), "TopK along a dimension that is not the last",
                   "transpose first");
  }
  // The extent of the results' last dimension is k.
  const auto& values = instruction.shape().tuple_shapes_size() > 0
                           ? instruction.shape().tuple_shapes(0)
                           : instruction.shape();
  const int rank = values.dimensions_size();
  if (rank > 0 && values.dimensions(rank - 1) > kMaxSortExtent) {
    findings.error("topk", "", entry.place(),
                   fmt::format("k is {}, above {}", values.dimensions(rank - 1), kMaxSortExtent),
                   "take the best of pieces, then of the pieces' best");
  }
}

void check_sort(const Entry& entry, Findings& findings) {
  if (entry.instruction->opcode() != "sort" || entry.operands.empty()) return;
  const auto& keys = entry.operands.front()->shape();
  const int64_t dimension =
      entry.instruction->dimensions_size() > 0 ? entry.instruction->dimensions(0) : -1;
  if (dimension < 0 || dimension >= keys.dimensions_size()) return;  // a matter of the shape
  const int64_t extent = keys.dimensions(static_cast<int>(dimension));
  if (extent > kMaxSortExtent) {
    findings.error("sort-extent", "", entry.place(),
                   fmt::format("sorts {} elements, above {}", extent, kMaxSortExtent),
                   "sort pieces, then the pieces' best");
  }
  if (dimension != keys.dimensions_size() - 1) {
    findings.error("sort-dimension", "", entry.place(),
                   "sorts along a dimension that is not the last", "transpose first");
  }
  const Instruction* root =
      entry.called.size() == 1 ? ModuleIndex::root(*entry.called.front()) : nullptr;
  static constexpr auto kTaken = std::to_array<std::string_view>({"LE", "GE", "LT", "GT"});
  if (root == nullptr || root->opcode() != "compare" ||
      std::ranges::find(kTaken, root->comparison_direction()) == kTaken.end()) {
    findings.error("sort-comparator", "EVRF001", entry.place(),
                   "its computation does not end in a comparison LE, GE, LT or GT",
                   "compare the first two parameters");
  }
}

// Combining: a computation that does more than take the new value.
bool combines(const Entry& entry) {
  if (entry.called.size() != 1) return false;
  const Instruction* root = ModuleIndex::root(*entry.called.front());
  return root->opcode() != "parameter" && root->opcode() != "copy";
}

void check_integers(const Entry& entry, Findings& findings) {
  const std::string& opcode = entry.instruction->opcode();
  if (entry.operands.empty()) return;
  const auto type = entry.operands.front()->shape().element_type();
  if (opcode == "shift-right-arithmetic" && type != ix::hlo::S32 && type != ix::hlo::U32) {
    findings.error("shift", "EVRF022", entry.place(),
                   "shifts " + to_text(entry.operands.front()->shape(), false),
                   "convert to 32 bits first");
  }
  if (!is_integer_proto(type)) return;
  const bool wide =
      type == ix::hlo::S32 || type == ix::hlo::U32 || type == ix::hlo::S64 || type == ix::hlo::U64;
  if (opcode == "scatter" && combines(entry)) {
    findings.error("integer-scatter", wide ? "EVRF060" : "EVRF016", entry.place(),
                   "combines integers", "assign, or carry them as f32, exact below 2^24");
  }
  if (opcode == "all-reduce" || opcode == "reduce-scatter") {
    findings.error("integer-collective", opcode == "all-reduce" ? "EVRF061" : "EVRF063",
                   entry.place(), opcode + " of " + to_text(entry.operands.front()->shape(), false),
                   "carry indices as f32, exact below 2^24");
  }
}

// Where 64 bits are refused by an operation of its own code, whatever becomes of the type.
void check_wide_integers(const Entry& entry, Findings& findings) {
  const Instruction& instruction = *entry.instruction;
  const auto type = instruction.shape().element_type();
  if (instruction.opcode() == "power" && (type == ix::hlo::S64 || type == ix::hlo::U64)) {
    findings.error("integer-power", "EVRF062", entry.place(), "a power of 64-bit integers",
                   "use f32 or s32");
  }
  if (instruction.opcode() == "constant" && type == ix::hlo::U64 &&
      std::ranges::any_of(instruction.literal().u64s(), [](uint64_t value) {
        return value > std::numeric_limits<uint32_t>::max();
      })) {
    findings.error("wide-constant", "ESFH002", entry.place(), "its value does not fit 32 bits",
                   "use u32");
  }
}

void check_integer_dot(const Entry& entry, Findings& findings) {
  if (entry.instruction->opcode() != "dot") return;
  for (const Instruction* operand : entry.operands) {
    const auto type = operand->shape().element_type();
    if (type == ix::hlo::S64 || type == ix::hlo::U64) {
      findings.error("integer-dot", "EVRF035", entry.place(), "multiplies 64-bit integers",
                     "convert to floats");
      return;
    }
  }
  for (const Instruction* operand : entry.operands) {
    if (!is_integer_proto(operand->shape().element_type())) continue;
    findings.warning("integer-dot", "EVRF035", entry.place(),
                     "integers are multiplied in float32, exact below 2^24", "convert to floats");
    return;
  }
}

// An iota as it is or reshaped or converted, that says more rows than the operand has. Other
// indices are values, and out of range they end the run (NRT_EXEC_OOB).
void check_iota_indices(const ModuleIndex& index, const Entry& entry, Findings& findings) {
  const std::string& opcode = entry.instruction->opcode();
  if ((opcode != "gather" && opcode != "scatter") || entry.operands.size() < 2) return;
  const auto& map =
      opcode == "gather"
          ? entry.instruction->gather_dimension_numbers().start_index_map()
          : entry.instruction->scatter_dimension_numbers().scatter_dims_to_operand_dims();
  const auto& operand = entry.operands[0]->shape();
  if (map.size() != 1 || map[0] < 0 || map[0] >= operand.dimensions_size()) return;
  const Instruction* indices = index.behind_moves(entry.operands[1]);
  if (indices->opcode() != "iota" || indices->dimensions_size() != 1) return;
  const int64_t along = indices->dimensions(0);
  if (along < 0 || along >= indices->shape().dimensions_size()) return;
  const int64_t count = indices->shape().dimensions(static_cast<int>(along));
  if (count <= operand.dimensions(static_cast<int>(map[0]))) return;
  findings.error("iota-index", opcode == "gather" ? "EVRF056" : "EVRF031", entry.place(),
                 fmt::format("indices up to {} into {}", count - 1, to_text(operand, false)),
                 "shorten the iota");
}

void check_reduce(const Entry& entry, Findings& findings) {
  if (entry.instruction->opcode() != "reduce" || entry.operands.size() <= 2) return;
  findings.error(
      "variadic-reduce", "EVRF001", entry.place(), "reduces several arrays at once",
      "for an argmax: reduce with maximum, compare, select an iota, reduce with minimum");
}

}  // namespace

void check_operations(const ModuleIndex& index, Findings& findings) {
  for (const Entry& entry : index.instructions()) {
    check_types(entry, findings);
    check_operator(entry, findings);
    check_control(entry, findings);
    check_topk(entry, findings);
    check_sort(entry, findings);
    check_integers(entry, findings);
    check_wide_integers(entry, findings);
    check_integer_dot(entry, findings);
    check_iota_indices(index, entry, findings);
    check_reduce(entry, findings);
  }
}

}  // namespace ix::backend::xla::hlo
