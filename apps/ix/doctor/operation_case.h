// One signature of op_signatures.tsv: how a program does it, and what comes out, worked out here.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "backend/xla/hlo/builder.h"
#include "backend/xla/hlo/op_signatures.h"
#include "doctor/host_array.h"

namespace ix::cli::doctor {

using backend::xla::hlo::Builder;
using backend::xla::hlo::Dims;
using backend::xla::hlo::Module;
using backend::xla::hlo::Op;
using backend::xla::hlo::OpSignature;

// What numbers an input holds. But for thirds, sums and products of a few of them are exact in
// every type that can be an input, in whatever order they are made.
enum class Pattern : uint8_t {
  halves,    // -4, -3.5 … 3.5; of integers -8 … 7, of unsigned ones 0 … 15
  quarters,  // 0.25, 0.5 … 4; of integers 1 … 16
  thirds,    // floats that no type holds, none near a whole number
  whole,     // -8 … 7 in any type; of unsigned ones 0 … 15
  positive,  // 1 … 16 in any type
  rows,      // 3, 1: rows of an input of kExtents
  start,     // 2
};
// Of most inputs. Rows of eight hold no number of halves or quarters twice.
inline const Dims kExtents = {4, 8};

// An input of a rank; those of different ranks differ in halves.
HostArray input_values(Pattern pattern, ElementType type, const Dims& dims, int rank);

// Results with numbers and comparisons: outputs of the type pred are given as s32.
class CaseProgram {
 public:
  CaseProgram(const std::string& name, int ranks) : builder_(name, ranks), ranks_(ranks) {}

  Builder& builder() { return builder_; }
  int ranks() const { return ranks_; }
  // A parameter; asked for again it is the same one.
  Op input(Pattern pattern, ElementType type, const Dims& dims = kExtents);
  // pred: halves > 0, or positive > 8; the other way round in the second one.
  Op flags(bool second = false, const Dims& dims = kExtents);
  void output(Op value);

  Result<Module> finish() && { return std::move(builder_).finish(); }
  // Of a rank, in the order of the parameters.
  HostArrays inputs(int rank) const;

 private:
  struct Input {
    Pattern pattern;
    Shape shape;
    Op op;
  };
  Builder builder_;
  const int ranks_;
  std::vector<Input> inputs_;
  int outputs_ = 0;
};

// The same inputs on the host.
class CaseInputs {
 public:
  CaseInputs(int rank, int ranks) : rank_(rank), ranks_(ranks) {}
  int ranks() const { return ranks_; }
  CaseInputs of_rank(int rank) const { return {rank, ranks_}; }
  Values input(Pattern pattern, ElementType type, const Dims& dims = kExtents) const;
  Values flags(bool second = false, const Dims& dims = kExtents) const;

 private:
  int rank_;
  int ranks_;
};

// A result may be off by `relative` of itself, or of 1 where it is smaller.
struct Tolerance {
  double relative = 0;
};
inline constexpr Tolerance kExact{};
// A last place of the type: a rounding that may go either way. 0 for integers.
Tolerance last_place(ElementType type);
// Of what a device approximates, by table or otherwise: tells a wrong function from an inexact one.
Tolerance approximate(ElementType type);

struct OperationCase {
  OpSignature signature;
  std::function<Op(CaseProgram&)> emit;
  std::function<Values(const CaseInputs&)> expect;
  Tolerance tolerance;
};

// "compare(f32,f32)->pred LT"
std::string name_of(const OpSignature& signature);

// Programs with a family of operations each.
enum class Family : uint8_t { elementwise, values, layout, products, indexing, cores };

// The list's cases of a family, in the order of the list.
std::vector<OperationCase> cases_of(Family family);

// One file each; nothing where the signature is not of the family.
std::optional<OperationCase> elementwise_case(const OpSignature& signature);
std::optional<OperationCase> values_case(const OpSignature& signature);
std::optional<OperationCase> layout_case(const OpSignature& signature);
std::optional<OperationCase> products_case(const OpSignature& signature);
std::optional<OperationCase> indexing_case(const OpSignature& signature);
std::optional<OperationCase> cores_case(const OpSignature& signature);

}  // namespace ix::cli::doctor
