#include "xla/hlo/run_module.h"

#include <memory>

#include "base/check.h"
#include "base/float16.h"

namespace ix::testing {

using backend::xla::DeviceTensor;
using backend::xla::RankBinding;
using backend::xla::Runtime;
using backend::xla::Upload;
using backend::xla::hlo::Alias;
using backend::xla::hlo::ElementType;
using backend::xla::hlo::Module;
using backend::xla::hlo::NamedShape;

namespace {

Result<std::unique_ptr<DeviceTensor>> upload(Runtime& runtime, int rank, const HostArray& array,
                                             const std::string& name) {
  IX_ASSIGN_OR_RETURN(std::unique_ptr<Upload> upload, runtime.upload(rank, array.shape, name));
  IX_RETURN_IF_ERROR(upload->write(0, array.bytes));
  return upload->finish();
}

}  // namespace

HostArray bf16_array(std::vector<int64_t> dims, const std::vector<float>& values) {
  std::vector<uint16_t> bits;
  for (const float value : values) bits.push_back(float_to_bfloat16(value));
  return host_array(ElementType::bf16, std::move(dims), bits);
}

std::vector<float> floats_of(const HostArray& array) {
  if (array.shape.type == ElementType::f32) return values_of<float>(array);
  const bool half = array.shape.type == ElementType::f16;
  IX_CHECK(half || array.shape.type == ElementType::bf16);
  std::vector<float> values;
  for (const uint16_t bits : values_of<uint16_t>(array)) {
    values.push_back(half ? half_to_float(bits) : bfloat16_to_float(bits));
  }
  return values;
}

Result<std::vector<HostArrays>> run_module(Runtime& runtime, const Module& module,
                                           const std::vector<HostArrays>& inputs) {
  IX_ASSIGN_OR_RETURN(const auto program, runtime.load(module, backend::xla::ProgramKind::decode));
  std::vector<std::unique_ptr<DeviceTensor>> tensors;
  std::vector<RankBinding> bindings(inputs.size());
  for (size_t rank = 0; rank < inputs.size(); ++rank) {
    RankBinding& binding = bindings[rank];
    IX_CHECK(inputs[rank].size() == module.parameters.size());
    for (size_t i = 0; i < inputs[rank].size(); ++i) {
      IX_ASSIGN_OR_RETURN(auto tensor, upload(runtime, static_cast<int>(rank), inputs[rank][i],
                                              module.parameters[i].name));
      binding.inputs.push_back(tensor.get());
      tensors.push_back(std::move(tensor));
    }
    for (const NamedShape& output : module.outputs) {
      IX_ASSIGN_OR_RETURN(auto tensor,
                          runtime.tensor(static_cast<int>(rank), output.shape, output.name));
      binding.outputs.push_back(tensor.get());
      tensors.push_back(std::move(tensor));
    }
    for (const Alias& alias : module.aliases) {
      binding.outputs[alias.output] = binding.inputs[alias.parameter];
    }
  }
  IX_ASSIGN_OR_RETURN(const auto ticket, runtime.execute(*program, bindings));
  IX_RETURN_IF_ERROR(runtime.wait(ticket, backend::kNoDeadline));
  std::vector<HostArrays> results(inputs.size());
  for (size_t rank = 0; rank < inputs.size(); ++rank) {
    for (const DeviceTensor* tensor : bindings[rank].outputs) {
      HostArray array{tensor->shape(), {}};
      array.bytes.resize(static_cast<size_t>(byte_size(tensor->shape())));
      IX_RETURN_IF_ERROR(runtime.read(*tensor, array.bytes));
      results[rank].push_back(std::move(array));
    }
  }
  return results;
}

}  // namespace ix::testing
