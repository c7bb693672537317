// Writes HLO programs: typed operations over arrays, shapes checked as they are added.
//
//   Builder b("decode", replicas);
//   Op x = b.parameter("x", {ElementType::bf16, {8, 64}});
//   Op w = b.parameter("w", {ElementType::bf16, {64, 32}});
//   b.output("y", b.all_reduce(Reduction::add, b.matmul(x, w, ElementType::f32)));
//   Result<Module> module = std::move(b).finish();
//
// A use that does not fit (shapes, types, attributes) is a bug of the caller. The first one is kept
// with the name of the operation and returned by finish(); operations after it do nothing and give
// Ops that may be passed on, so that no call needs a check of its own.
//
// Equal calls give equal bytes. Ids are dense from 1 over the whole module, names are unique, and
// every layout is written and row-major: what every reader of HLO known to us takes.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "backend/xla/hlo/module.h"
#include "backend/xla/hlo/shape.h"
#include "base/result.h"

namespace ix::backend::xla::hlo {

class BuilderState;

// A value of the program; made by a Builder and good for that Builder only.
struct Op {
  int32_t index = -1;
};

// A value, or a number that takes the type and the extents of the operand beside it.
class Operand {
 public:
  // Implicit, so that programs read b.multiply(x, 0.5F).
  // NOLINTBEGIN(google-explicit-constructor)
  Operand(Op op) : op_(op) {}
  Operand(double number) : number_(number) {}
  // NOLINTEND(google-explicit-constructor)

  Op op() const { return op_; }
  const std::optional<double>& number() const { return number_; }

 private:
  Op op_;
  std::optional<double> number_;
};

using Dims = std::vector<int64_t>;

enum class Comparison : uint8_t { eq, ne, lt, le, gt, ge };
enum class Reduction : uint8_t { add, max, min };
enum class SortOrder : uint8_t { ascending, descending };
// How an element and its update become one: the update, by way of a copy or as the bare parameter
// of the computation; or their sum.
enum class ScatterKind : uint8_t { assign, assign_parameter, add };

// Pairs of dimensions; the result has batch, then free of the left, then free of the right.
struct DotDims {
  Dims lhs_contracting;
  Dims rhs_contracting;
  Dims lhs_batch;
  Dims rhs_batch;
};

// As XLA defines them. index_vector_dim = rank of the indices: each index is a vector of one.
struct GatherDims {
  Dims offset_dims;
  Dims collapsed_slice_dims;
  Dims start_index_map;
  int64_t index_vector_dim = 0;
};

struct ScatterDims {
  Dims update_window_dims;
  Dims inserted_window_dims;
  Dims scatter_dims_to_operand_dims;
  int64_t index_vector_dim = 0;
};

class Builder {
 public:
  // A program that runs on `replicas` devices at once.
  Builder(std::string name, int32_t replicas);
  ~Builder();
  Builder(Builder&&) noexcept;
  Builder& operator=(Builder&&) noexcept;

  // What later operations belong to ("layer.3"): stands in messages and in the operations'
  // metadata.
  void set_scope(std::string scope);

  // f32[] after an error.
  const Shape& shape(Op op) const;
  // 1 after an error; a negative dimension counts from the end.
  int64_t dim(Op op, int64_t dimension) const;

  // ---- Values from nothing ----
  // An argument of the program. Names are unique, not empty and without commas.
  Op parameter(std::string name, Shape shape);
  // Rounded to nearest for floats; integers must hold it exactly; pred takes 0 and 1. Scalars of
  // one type and value are one Op.
  Op scalar(ElementType type, double value);
  // An array of one value.
  Op full(const Shape& shape, double value);
  // Row-major; f32 and s32.
  Op constant(const Dims& dims, std::span<const float> values);
  Op constant(const Dims& dims, std::span<const int32_t> values);
  // Each element is its own index along `dimension`.
  Op iota(const Shape& shape, int64_t dimension);
  // u32[]: which replica runs the program.
  Op replica_id();

  // ---- Element by element; operands have one shape, but a scalar is broadcast to the other's ----
  Op add(Operand a, Operand b) { return binary("add", a, b); }
  Op subtract(Operand a, Operand b) { return binary("subtract", a, b); }
  Op multiply(Operand a, Operand b) { return binary("multiply", a, b); }
  Op divide(Operand a, Operand b) { return binary("divide", a, b); }
  Op maximum(Operand a, Operand b) { return binary("maximum", a, b); }
  Op minimum(Operand a, Operand b) { return binary("minimum", a, b); }
  Op power(Operand a, Operand b) { return binary("power", a, b); }
  Op remainder(Operand a, Operand b) { return binary("remainder", a, b); }  // sign of a
  Op bitwise_and(Operand a, Operand b) { return binary("and", a, b); }
  Op bitwise_or(Operand a, Operand b) { return binary("or", a, b); }
  Op bitwise_xor(Operand a, Operand b) { return binary("xor", a, b); }
  Op bitwise_not(Op x) { return unary("not", x); }
  Op negate(Op x) { return unary("negate", x); }
  Op abs(Op x) { return unary("abs", x); }
  Op floor(Op x) { return unary("floor", x); }
  Op ceil(Op x) { return unary("ceil", x); }
  Op sign(Op x) { return unary("sign", x); }
  Op exp(Op x) { return unary("exponential", x); }
  Op log(Op x) { return unary("log", x); }
  Op tanh(Op x) { return unary("tanh", x); }
  Op sqrt(Op x) { return unary("sqrt", x); }
  Op rsqrt(Op x) { return unary("rsqrt", x); }
  Op sine(Op x) { return unary("sine", x); }
  Op cosine(Op x) { return unary("cosine", x); }
  Op logistic(Op x) { return unary("logistic", x); }
  Op copy(Op x) { return unary("copy", x); }
  // x itself where it has the type. Float to integer truncates.
  Op convert(Op x, ElementType type);
  Op compare(Comparison comparison, Operand a, Operand b);  // pred
  Op select(Op condition, Operand on_true, Operand on_false);
  Op clamp(Operand low, Op x, Operand high);

  // ---- Layout ----
  // Dimension i of x becomes dimension dimensions[i] of the result; a scalar has none.
  Op broadcast(Op x, const Dims& dims, const Dims& dimensions = {});
  Op reshape(Op x, const Dims& dims);
  // Dimension i of the result is dimension permutation[i] of x.
  Op transpose(Op x, const Dims& permutation);
  Op reverse(Op x, const Dims& dimensions);
  Op concatenate(const std::vector<Op>& parts, int64_t dimension);
  // starts[i] <= index < limits[i], every strides[i]-th (all 1 where not given).
  Op slice(Op x, const Dims& starts, const Dims& limits, const Dims& strides = {});
  // One dimension cut, the others whole.
  Op slice_in_dim(Op x, int64_t dimension, int64_t start, int64_t limit);
  // Negative edges cut.
  Op pad(Op x, Operand value, const Dims& low, const Dims& high);

  // ---- Contraction ----
  Op dot(Op lhs, Op rhs, const DotDims& dims, ElementType result);
  // x [..., k] @ w [k, n...] -> [..., n...]
  Op matmul(Op x, Op w, ElementType result);
  // The dimensions go away.
  Op reduce(Reduction reduction, Op x, const Dims& dimensions);
  // By the first operand along a dimension, the others moved with it; equal keys stay in order.
  std::vector<Op> sort(const std::vector<Op>& operands, int64_t dimension, SortOrder order);

  // ---- Positions that are values ----
  // Starts: one scalar a dimension, clamped so that the slice lies inside. Numbers among them take
  // the type of the values, s32 where there is none.
  Op dynamic_slice(Op x, const std::vector<Operand>& starts, const Dims& sizes);
  Op dynamic_update_slice(Op x, Op update, const std::vector<Operand>& starts);
  Op gather(Op operand, Op indices, const GatherDims& dims, const Dims& slice_sizes);
  // table [rows, width...], indices [n] -> [n, width...]. XLA clamps an index outside the table,
  // Neuron fails at run time.
  Op gather_rows(Op table, Op indices);
  // unique: the caller promises that no element is written twice.
  Op scatter(Op operand, Op indices, Op updates, const ScatterDims& dims, ScatterKind kind,
             bool unique);

  // x, put into a tuple and taken out again.
  Op through_tuple(Op x);

  // ---- Between all replicas; x itself where there is one ----
  Op all_reduce(Reduction reduction, Op x);
  // Concatenated along a dimension in the order of replicas.
  Op all_gather(Op x, int64_t dimension);

  // ---- Results ----
  // Outputs are numbered in the order of the calls. Names as for parameters. A parameter, or a
  // value that is an output already, is copied.
  void output(std::string name, Op value);
  // The output takes the parameter's storage: same shape, and no other output has it.
  void output_in_place(std::string name, Op value, Op parameter);

  // internal with the first error; also for a program without outputs.
  Result<Module> finish() &&;

 private:
  Op unary(const char* opcode, Op x);
  Op binary(const char* opcode, Operand a, Operand b);

  std::unique_ptr<BuilderState> state_;
};

}  // namespace ix::backend::xla::hlo
