#include "fake_neuron/refused_modules.h"

#include <functional>
#include <utility>

#include "fake_neuron/sketch.h"

namespace ix::fake_neuron {
namespace {

using hlo::BF16;
using hlo::C128;
using hlo::C64;
using hlo::F32;
using hlo::F64;
using hlo::PRED;
using hlo::S16;
using hlo::S32;
using hlo::S64;
using hlo::S8;
using hlo::U16;
using hlo::U32;
using hlo::U64;
using hlo::U8;

class Corpus {
 public:
  // `write` makes the module; it is named after the code, the reason and its number.
  void add(const std::string& code, const std::string& reason,
           const std::function<void(Sketch&)>& write) {
    const std::string name = code + "_" + reason + "_" + std::to_string(modules_.size());
    Sketch sketch(name);
    write(sketch);
    modules_.push_back({name, code, sketch.bytes()});
  }
  std::vector<RefusedModule> take() { return std::move(modules_); }

 private:
  std::vector<RefusedModule> modules_;
};

// x + x.
void doubled(Sketch& s, const ShapeProto& shape) {
  const int64_t x = s.parameter(shape);
  s.output(s.add("add", shape, {x, x}));
}

void unsupported_types(Corpus& corpus) {
  const std::pair<const char*, std::vector<PrimitiveType>> families[] = {
      {"NCC_ESPP004", {F64, hlo::S4, hlo::U4, hlo::F4E2M1FN}},
      {"NCC_EVRF005", {hlo::F8E4M3FNUZ, hlo::F8E4M3B11FNUZ, hlo::F8E5M2FNUZ}},
  };
  for (const auto& [code, types] : families) {
    for (const PrimitiveType type : types) {
      corpus.add(code, "type", [&](Sketch& s) { doubled(s, array(type, {8})); });
    }
  }
  for (const PrimitiveType type : {C64, C128}) {
    corpus.add("NCC_EVRF004", "complex", [&](Sketch& s) { doubled(s, array(type, {8})); });
  }
  const auto converted = [](PrimitiveType type) {
    return [type](Sketch& s) {
      const int64_t x = s.parameter(array(F32, {8}));
      const int64_t y = s.add("convert", array(type, {8}), {x}).id();
      s.output(s.add("convert", array(F32, {8}), {y}));
    };
  };
  corpus.add("NCC_EVRF004", "convert", converted(C64));
  corpus.add("NCC_EVRF051", "convert", converted(hlo::F8E4M3FN));
  for (const int64_t size : {8, 16}) {
    corpus.add("NCC_EVRF051", "type", [&](Sketch& s) { doubled(s, array(hlo::F8E4M3FN, {size})); });
  }
}

void dynamic_shapes(Corpus& corpus) {
  const auto dynamic = [](ShapeProto shape) {
    for (int i = 0; i < shape.dimensions_size(); ++i) shape.add_is_dynamic_dimension(i == 0);
    return shape;
  };
  corpus.add("NCC_EMOD025", "bounded", [&](Sketch& s) { doubled(s, dynamic(array(F32, {8}))); });
  corpus.add("NCC_EMOD025", "unbounded", [&](Sketch& s) { doubled(s, array(F32, {-1, 4})); });
  corpus.add("NCC_EMOD025", "inside", [&](Sketch& s) {
    const int64_t x = s.parameter(array(F32, {8, 2}));
    const int64_t y = s.add("reshape", dynamic(array(F32, {16})), {x}).id();
    s.output(s.add("reshape", array(F32, {8, 2}), {y}));
  });
}

void wide_constants(Corpus& corpus) {
  for (const uint64_t value : {uint64_t{1} << 32, uint64_t{5'000'000'000}, ~uint64_t{0}}) {
    corpus.add("NCC_ESFH002", "constant", [&](Sketch& s) {
      HloInstructionProto& constant = s.add("constant", array(U64));
      *constant.mutable_literal()->mutable_shape() = array(U64);
      constant.mutable_literal()->add_u64s(value);
      s.output(s.add("convert", array(U32), {constant.id()}));
    });
  }
}

void operators(Corpus& corpus) {
  for (const char* opcode : {"conditional", "infeed", "outfeed", "send", "recv", "fft", "cholesky",
                             "triangular-solve"}) {
    corpus.add("NCC_EVRF001", "operator", [&](Sketch& s) {
      const int64_t x = s.parameter(array(F32, {4, 4}));
      s.output(s.add(opcode, array(F32, {4, 4}), {x}));
    });
  }
  for (const char* target : {"TopK", "xla_python_cpu_callback", "my_kernel"}) {
    corpus.add("NCC_EVRF015", "target", [&](Sketch& s) {
      const int64_t x = s.parameter(array(F32, {8}));
      HloInstructionProto& call = s.add("custom-call", array(F32, {8}), {x});
      call.set_custom_call_target(target);
      s.output(call);
    });
  }
}

// A loop over one s32 whose condition is `opcode` of the state with itself.
void loop(Sketch& s, const std::string& opcode, const std::string& direction,
          const ShapeProto& state, int condition_parameters) {
  const int64_t body = s.computation({state}, "", state);
  const std::vector<ShapeProto> parameters(condition_parameters, state);
  const int64_t condition = s.computation(parameters, opcode, array(PRED), direction);
  const int64_t x = s.parameter(state);
  HloInstructionProto& loop = s.add("while", state, {x});
  loop.add_called_computation_ids(body);
  loop.add_called_computation_ids(condition);
  s.output(loop);
}

void loops(Corpus& corpus) {
  corpus.add("NCC_EVRF001", "while", [](Sketch& s) { loop(s, "", "", array(PRED), 1); });
  corpus.add("NCC_EVRF001", "while", [](Sketch& s) { loop(s, "not", "", array(PRED), 1); });
  corpus.add("NCC_EVRF001", "while", [](Sketch& s) { loop(s, "compare", "LT", array(S32), 2); });
}

void reductions(Corpus& corpus) {
  for (const PrimitiveType type : {F32, BF16, S32}) {
    corpus.add("NCC_EVRF001", "variadic", [&](Sketch& s) {
      const ShapeProto scalar = array(type);
      const int64_t f = s.computation({scalar, scalar, scalar, scalar}, "tuple",
                                      tuple_of({scalar, scalar, scalar, scalar}));
      const int64_t x = s.parameter(array(type, {8}));
      const int64_t zero = s.parameter(scalar);
      HloInstructionProto& reduce = s.add("reduce", tuple_of({scalar, scalar}), {x, x, zero, zero});
      reduce.add_dimensions(0);
      reduce.add_called_computation_ids(f);
      HloInstructionProto& first = s.add("get-tuple-element", scalar, {reduce.id()});
      s.output(first);
    });
  }
  for (const int operands : {1, 3, 4}) {
    corpus.add("NCC_EVRF019", "reduce_window", [&](Sketch& s) {
      const int64_t f = s.computation({array(F32), array(F32)}, "add", array(F32));
      const int64_t x = s.parameter(array(F32, {8}));
      HloInstructionProto& window =
          s.add("reduce-window", array(F32, {8}), std::vector<int64_t>(operands, x));
      window.add_called_computation_ids(f);
      s.output(window);
    });
  }
}

HloInstructionProto& sort(Sketch& s, const ShapeProto& shape, int64_t dimension,
                          const std::string& opcode, const std::string& direction) {
  const ShapeProto scalar = array(shape.element_type());
  const int64_t f = s.computation({scalar, scalar}, opcode, array(PRED), direction);
  const int64_t x = s.parameter(shape);
  HloInstructionProto& sorted = s.add("sort", shape, {x});
  sorted.add_dimensions(dimension);
  sorted.add_called_computation_ids(f);
  return sorted;
}

void orders(Corpus& corpus) {
  for (const char* direction : {"EQ", "NE"}) {
    corpus.add("NCC_EVRF001", "comparator",
               [&](Sketch& s) { s.output(sort(s, array(F32, {8}), 0, "compare", direction)); });
  }
  corpus.add("NCC_EVRF001", "comparator",
             [](Sketch& s) { s.output(sort(s, array(PRED, {8}), 0, "and", "")); });
  const std::pair<ShapeProto, int64_t> large[] = {
      {array(F32, {16385}), 0}, {array(F32, {2, 128256}), 1}, {array(F32, {20000, 2}), 0}};
  for (const auto& [shape, dimension] : large) {
    corpus.add("NCC_INTERNAL", "sorted_extent",
               [&](Sketch& s) { s.output(sort(s, shape, dimension, "compare", "GT")); });
  }
}

HloInstructionProto& top_k(Sketch& s, const ShapeProto& shape, int64_t k, bool call) {
  const int64_t x = s.parameter(shape);
  const ShapeProto values = array(shape.element_type(), {k});
  HloInstructionProto& top =
      s.add(call ? "custom-call" : "topk", tuple_of({values, array(call ? U32 : S32, {k})}), {x});
  if (call) {
    top.set_custom_call_target("AwsNeuronTopK");
    top.set_backend_config(std::to_string(k));
  } else {
    top.set_k(k);
    top.set_largest(true);
  }
  return top;
}

void finish_top_k(Sketch& s, const HloInstructionProto& top) {
  s.output(s.add("get-tuple-element", ShapeProto(top.shape().tuple_shapes(0)), {top.id()}));
}

void top_ks(Corpus& corpus) {
  for (const bool call : {false, true}) {
    for (const PrimitiveType type : {S32, S64, U8}) {
      corpus.add("NCC_EVRF013", "topk_integer",
                 [&](Sketch& s) { finish_top_k(s, top_k(s, array(type, {64}), 8, call)); });
    }
    for (const int64_t k : {16385, 20000}) {
      corpus.add("NCC_INTERNAL", "topk_k",
                 [&](Sketch& s) { finish_top_k(s, top_k(s, array(F32, {32000}), k, call)); });
    }
  }
  const std::pair<ShapeProto, int64_t> axes[] = {
      {array(F32, {8, 4}), 0}, {array(F32, {8, 4, 2}), 0}, {array(F32, {8, 4, 2}), 1}};
  for (const auto& [shape, dimension] : axes) {
    corpus.add("NCC_INTERNAL", "topk_axis", [&](Sketch& s) {
      HloInstructionProto& top = top_k(s, shape, 2, false);
      top.add_dimensions(dimension);
      finish_top_k(s, top);
    });
  }
}

HloInstructionProto& scatter(Sketch& s, PrimitiveType type, const std::string& combine,
                             int64_t indices, int64_t count) {
  const ShapeProto scalar = array(type);
  const int64_t f = s.computation({scalar, scalar}, combine, scalar, "", combine.empty() ? 1 : 0);
  const int64_t table = s.parameter(array(type, {8, 2}));
  const int64_t updates = s.parameter(array(type, {count, 2}));
  HloInstructionProto& scatter = s.add("scatter", array(type, {8, 2}), {table, indices, updates});
  scatter.add_called_computation_ids(f);
  auto* dims = scatter.mutable_scatter_dimension_numbers();
  dims->add_update_window_dims(1);
  dims->add_inserted_window_dims(0);
  dims->add_scatter_dims_to_operand_dims(0);
  dims->set_index_vector_dim(1);
  return scatter;
}

HloInstructionProto& gather(Sketch& s, int64_t indices, int64_t count) {
  const int64_t table = s.parameter(array(F32, {8, 2}));
  HloInstructionProto& gather = s.add("gather", array(F32, {count, 2}), {table, indices});
  auto* dims = gather.mutable_gather_dimension_numbers();
  dims->add_offset_dims(1);
  dims->add_collapsed_slice_dims(0);
  dims->add_start_index_map(0);
  dims->set_index_vector_dim(1);
  gather.add_gather_slice_sizes(1);
  gather.add_gather_slice_sizes(2);
  return gather;
}

// 0 .. count - 1, through `way` ("" = as it is).
int64_t counted(Sketch& s, int64_t count, const std::string& way) {
  HloInstructionProto& iota = s.add("iota", array(S32, {count}));
  iota.add_dimensions(0);
  const int64_t id = iota.id();
  if (way.empty()) return id;
  const ShapeProto shape = way == "reshape" ? array(S32, {count, 1}) : array(U32, {count});
  return s.add(way, shape, {id}).id();
}

void indexed(Corpus& corpus) {
  const std::pair<PrimitiveType, const char*> narrow[] = {
      {S8, "add"}, {U16, "maximum"}, {PRED, "or"}};
  for (const auto& [type, combine] : narrow) {
    corpus.add("NCC_EVRF016", "scatter", [&](Sketch& s) {
      s.output(scatter(s, type, combine, s.parameter(array(S32, {3})), 3));
    });
  }
  const std::pair<PrimitiveType, const char*> wide[] = {
      {S32, "add"}, {U32, "minimum"}, {S64, "multiply"}};
  for (const auto& [type, combine] : wide) {
    corpus.add("NCC_EVRF060", "scatter", [&](Sketch& s) {
      s.output(scatter(s, type, combine, s.parameter(array(S32, {3})), 3));
    });
  }
  for (const char* way : {"", "reshape", "convert"}) {
    corpus.add("NCC_EVRF031", "scatter_iota",
               [&](Sketch& s) { s.output(scatter(s, F32, "", counted(s, 10, way), 10)); });
    corpus.add("NCC_EVRF056", "gather_iota",
               [&](Sketch& s) { s.output(gather(s, counted(s, 9, way), 9)); });
  }
}

void integers(Corpus& corpus) {
  const auto binary = [](const char* opcode, PrimitiveType type) {
    return [opcode, type](Sketch& s) {
      const int64_t x = s.parameter(array(type, {8}));
      s.output(s.add(opcode, array(type, {8}), {x, x}));
    };
  };
  for (const PrimitiveType type : {S8, U8, S16, U16, S64}) {
    corpus.add("NCC_EVRF022", "shift", binary("shift-right-arithmetic", type));
  }
  for (const PrimitiveType type : {S64, U64}) {
    corpus.add("NCC_EVRF062", "power", binary("power", type));
  }
  corpus.add("NCC_EVRF062", "power", [](Sketch& s) {
    const int64_t x = s.parameter(array(S64));
    s.output(s.add("power", array(S64), {x, x}));
  });
  const std::pair<PrimitiveType, PrimitiveType> dots[] = {{S64, S64}, {U64, U64}, {F32, S64}};
  for (const auto& [left, right] : dots) {
    corpus.add("NCC_EVRF035", "dot", [&](Sketch& s) {
      const int64_t a = s.parameter(array(left, {4, 8}));
      const int64_t b = s.parameter(array(right, {8, 2}));
      HloInstructionProto& dot = s.add("dot", array(right, {4, 2}), {a, b});
      dot.mutable_dot_dimension_numbers()->add_lhs_contracting_dimensions(1);
      dot.mutable_dot_dimension_numbers()->add_rhs_contracting_dimensions(0);
      s.output(dot);
    });
  }
  const std::pair<const char*, const char*> collectives[] = {{"NCC_EVRF061", "all-reduce"},
                                                             {"NCC_EVRF063", "reduce-scatter"}};
  for (const auto& [code, opcode] : collectives) {
    for (const PrimitiveType type : {S32, U32, S8}) {
      corpus.add(code, "collective", [&, op = opcode](Sketch& s) {
        const int64_t f = s.computation({array(type), array(type)}, "add", array(type));
        const int64_t x = s.parameter(array(type, {8}));
        HloInstructionProto& collective = s.add(op, array(type, {8}), {x});
        collective.add_called_computation_ids(f);
        collective.add_replica_groups()->add_replica_ids(0);
        s.output(collective);
      });
    }
  }
}

void parameters_as_outputs(Corpus& corpus) {
  corpus.add("NCC_INTERNAL", "passed_through",
             [](Sketch& s) { s.outputs_as_they_are({s.parameter(array(F32, {8}))}); });
  corpus.add("NCC_INTERNAL", "passed_through", [](Sketch& s) {
    const int64_t x = s.parameter(array(F32, {8}));
    s.outputs_as_they_are({s.add("copy", array(F32, {8}), {x}).id(), x});
  });
  corpus.add("NCC_INTERNAL", "passed_through", [](Sketch& s) {
    s.entry().set_root_id(s.parameter(array(BF16, {2, 2})));
  });
}

void malformed(Corpus& corpus) {
  for (const PrimitiveType type : {F32, S32, PRED}) {
    corpus.add("NCC_EVRF064", "literal_layout", [&](Sketch& s) {
      HloInstructionProto& constant = s.add("constant", array(type));
      constant.mutable_literal()->mutable_shape()->set_element_type(type);
      s.output(constant);
    });
  }
  for (const int64_t operand : {0, 77, -1}) {
    corpus.add("NCC_EVRF064", "operand", [&](Sketch& s) {
      s.parameter(array(F32, {8}));
      s.output(s.add("negate", array(F32, {8}), {operand}));
    });
  }
  const std::pair<ShapeProto, ShapeProto> pairs[] = {{array(F32, {8}), array(F32, {4})},
                                                     {array(F32, {8}), array(BF16, {8})},
                                                     {array(F32, {8}), array(F32)}};
  for (const auto& [left, right] : pairs) {
    corpus.add("NCC_EVRF064", "operand_shapes", [&](Sketch& s) {
      const int64_t a = s.parameter(left);
      s.output(s.add("add", left, {a, s.parameter(right)}));
    });
  }
  corpus.add("NCC_EVRF064", "names", [](Sketch& s) {
    doubled(s, array(F32, {8}));
    s.entry().mutable_instructions(1)->set_name(s.entry().instructions(0).name());
  });
  corpus.add("NCC_EVRF064", "names", [](Sketch& s) {
    doubled(s, array(F32, {8}));
    s.entry().mutable_instructions(1)->set_name("");
  });
  corpus.add("NCC_EVRF064", "ids", [](Sketch& s) {
    doubled(s, array(F32, {8}));
    s.add("iota", array(F32, {8})).set_id(1);
  });
  corpus.add("NCC_EVRF064", "program_shape", [](Sketch& s) {
    doubled(s, array(F32, {8}));
    s.proto().clear_host_program_shape();
  });
  corpus.add("NCC_EVRF064", "parameter_numbers", [](Sketch& s) {
    doubled(s, array(F32, {8}));
    s.entry().mutable_instructions(0)->set_parameter_number(1);
  });
}

void memory(Corpus& corpus) {
  constexpr int64_t kGibi = int64_t{1} << 30;
  corpus.add("NCC_EOOM001", "parameter", [](Sketch& s) {
    const int64_t x = s.parameter(array(BF16, {8 * kGibi + 1}));
    HloInstructionProto& slice = s.add("slice", array(BF16, {1}), {x});
    slice.add_slice_dimensions()->set_limit(1);
    s.output(slice);
  });
  corpus.add("NCC_EOOM001", "parameters", [](Sketch& s) {
    for (int i = 0; i < 3; ++i) s.parameter(array(U8, {6 * kGibi}));
    s.output(s.add("iota", array(F32, {2})));
  });
  corpus.add("NCC_EOOM001", "output",
             [](Sketch& s) { s.output(s.add("iota", array(F32, {5 * kGibi}))); });
}

}  // namespace

std::vector<RefusedModule> refused_modules() {
  Corpus corpus;
  unsupported_types(corpus);
  dynamic_shapes(corpus);
  wide_constants(corpus);
  operators(corpus);
  loops(corpus);
  reductions(corpus);
  orders(corpus);
  top_ks(corpus);
  indexed(corpus);
  integers(corpus);
  parameters_as_outputs(corpus);
  malformed(corpus);
  memory(corpus);
  return corpus.take();
}

}  // namespace ix::fake_neuron
