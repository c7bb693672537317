// The cases against the list of signatures that they come from.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <map>
#include <numeric>
#include <set>

#include "backend/xla/hlo/hlo.pb.h"
#include "backend/xla/hlo/verifier.h"
#include "doctor/case_programs.h"

namespace ix::cli::doctor {
namespace {

using backend::xla::hlo::OpSignatures;
using backend::xla::hlo::verify;

constexpr Family kFamilies[] = {Family::elementwise, Family::values,   Family::layout,
                                Family::products,    Family::indexing, Family::cores};

std::string type_name(const ix::hlo::ShapeProto& shape) {
  std::string name = ix::hlo::PrimitiveType_Name(shape.element_type());
  std::ranges::transform(name, name.begin(), [](unsigned char c) { return std::tolower(c); });
  return name;
}

// Of the entry computation.
std::vector<OpSignature> signatures_in(const std::string& bytes) {
  ix::hlo::HloModuleProto module;
  EXPECT_TRUE(module.ParseFromString(bytes));
  std::map<int64_t, std::string> types;
  std::map<int64_t, std::string> roots;  // opcodes, by computation
  for (const auto& computation : module.computations()) {
    for (const auto& instruction : computation.instructions()) {
      types[instruction.id()] = type_name(instruction.shape());
      if (instruction.id() == computation.root_id()) {
        roots[computation.id()] = instruction.opcode();
      }
    }
  }
  std::vector<OpSignature> found;
  for (const auto& computation : module.computations()) {
    if (computation.id() != module.entry_computation_id()) continue;
    for (const auto& instruction : computation.instructions()) {
      OpSignature signature{instruction.opcode(),
                            {},
                            type_name(instruction.shape()),
                            instruction.comparison_direction(),
                            ""};
      for (const int64_t operand : instruction.operand_ids()) {
        signature.operands.push_back(types[operand]);
      }
      if (instruction.called_computation_ids_size() == 1) {
        signature.calls = roots[instruction.called_computation_ids(0)];
      }
      found.push_back(std::move(signature));
    }
  }
  return found;
}

// The list writes one operand for "any number of them", and leaves the attributes open that it
// does not ask for.
bool stands_for(const OpSignature& listed, const OpSignature& written) {
  if (listed.opcode == "tuple") return written.opcode == "tuple";
  return listed.opcode == written.opcode && listed.result == written.result &&
         written.operands.size() >= listed.operands.size() &&
         std::equal(listed.operands.begin(), listed.operands.end(), written.operands.begin()) &&
         (listed.direction.empty() || listed.direction == written.direction) &&
         (listed.calls.empty() || listed.calls == written.calls);
}

TEST(OperationCases, AreOneForEverySignatureOfTheList) {
  std::multiset<std::string> names;
  for (const Family family : kFamilies) {
    for (const OperationCase& each : cases_of(family)) names.insert(name_of(each.signature));
  }
  std::multiset<std::string> listed;
  for (const OpSignature& signature : OpSignatures::neuron().all()) {
    listed.insert(name_of(signature));
  }
  EXPECT_EQ(names, listed);
}

TEST(OperationCases, WriteTheirSignatureInProgramsThatNeuronShouldTake) {
  for (const Family family : kFamilies) {
    const auto cases = cases_of(family);
    for (size_t i = 0; i < cases.size(); ++i) {
      SCOPED_TRACE(name_of(cases[i].signature));
      const auto built = build_cases("test", cases, std::vector<size_t>{i}, 2);
      ASSERT_TRUE(built.ok()) << built.status().message();
      const auto written = signatures_in(built->module.bytes);
      EXPECT_TRUE(std::ranges::any_of(
          written, [&](const OpSignature& each) { return stands_for(cases[i].signature, each); }));
      const auto findings = verify(built->module.bytes, {.replicas = 2});
      ASSERT_TRUE(findings.ok());
      for (const auto& finding : *findings) {
        EXPECT_NE(finding.severity, backend::xla::hlo::Severity::error)
            << backend::xla::hlo::to_text(finding);
      }
    }
  }
}

TEST(OperationCases, AllTogetherAreAProgramThatNeuronShouldTake) {
  for (const Family family : kFamilies) {
    const auto cases = cases_of(family);
    CaseIndices all(cases.size());
    std::iota(all.begin(), all.end(), 0);
    const auto built = build_cases("test", cases, all, 2);
    ASSERT_TRUE(built.ok()) << built.status().message();
    EXPECT_EQ(built->module.outputs.size(), cases.size());
    const auto findings = verify(built->module.bytes, {.replicas = 2});
    ASSERT_TRUE(findings.ok());
    EXPECT_TRUE(backend::xla::hlo::passes(*findings));
  }
}

// A result that is the same everywhere would not tell operations apart.
TEST(OperationCases, OfComparisonsHoldSomewhereAndNotEverywhere) {
  int comparisons = 0;
  for (const OperationCase& each : cases_of(Family::elementwise)) {
    if (each.signature.opcode != "compare") continue;
    ++comparisons;
    const auto values = each.expect(CaseInputs(0, 1));
    EXPECT_THAT(values, testing::Contains(1)) << name_of(each.signature);
    EXPECT_THAT(values, testing::Contains(0)) << name_of(each.signature);
  }
  EXPECT_EQ(comparisons, 24);  // f32 and s32 in six directions, bf16 and f16 in five, pred in two
}

// Worked out by hand.
TEST(OperationCases, ExpectWhatTheOperationGives) {
  std::map<std::string, std::vector<double>> expected;
  for (const Family family : kFamilies) {
    for (const OperationCase& each : cases_of(family)) {
      expected[name_of(each.signature)] = each.expect(CaseInputs(0, 2));
    }
  }
  const auto at = [&](const std::string& name, size_t element) {
    const auto found = expected.find(name);
    return found == expected.end() || element >= found->second.size() ? std::nan("")
                                                                      : found->second[element];
  };
  // halves: -4, -1.5, 1, 3.5 …; quarters: 0.25, 1, 1.75, 2.5 …
  EXPECT_EQ(at("add(f32,f32)->f32", 1), -0.5);
  EXPECT_EQ(at("multiply(f16,f16)->f16", 3), 8.75);
  EXPECT_EQ(at("divide(s32,s32)->s32", 1), 0);  // -3 / 4
  EXPECT_EQ(at("remainder(s32,s32)->s32", 1), -3);
  EXPECT_EQ(at("power(f32,f32)->f32", 0), 256);  // 0.25 ^ -4
  EXPECT_EQ(at("sign(f32)->f32", 0), -1);
  EXPECT_EQ(at("reverse(f32)->f32", 7), -4);
  EXPECT_EQ(at("transpose(f32)->f32", 4), -1.5);
  EXPECT_EQ(at("pad(f32,f32)->f32", 0), 2);
  EXPECT_EQ(at("pad(f32,f32)->f32", 10), -4);
  // The first row of halves: -4 -1.5 1 3.5 -2 0.5 3 -2.5.
  EXPECT_EQ(at("reduce(f32,f32)->f32 with add", 0), -2);
  EXPECT_EQ(expected["sort(f32)->f32 with compare"], expected["get-tuple-element(tuple)->f32"]);
  std::vector<double> sorted;
  for (size_t i = 0; i < 8; ++i) sorted.push_back(at("sort(f32)->f32 with compare", i));
  EXPECT_EQ(sorted, (std::vector<double>{3.5, 3, 1, 0.5, -1.5, -2, -2.5, -4}));
  // Row 3 of the input comes first.
  EXPECT_EQ(at("gather(f32,s32)->f32", 0), at("copy(f32)->f32", 24));
  // Rank 1 holds a half more but where it wraps around.
  EXPECT_EQ(at("all-reduce(f32)->f32 with add", 0), -7.5);
  EXPECT_EQ(at("all-gather(f32)->f32", 32), -3.5);
}

}  // namespace
}  // namespace ix::cli::doctor
