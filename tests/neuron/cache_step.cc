#include "neuron/cache_step.h"

#include "backend/xla/hlo/builder.h"

namespace ix::backend {
namespace {

using xla::hlo::ElementType;
using xla::hlo::Shape;

const Shape kVector{ElementType::f32, {kStepWidth}};
const Shape kCache{ElementType::f32, {kStepRows, kStepWidth}};
const Shape kScalar{ElementType::s32, {}};

template <typename T>
std::span<const std::byte> bytes_of(const std::vector<T>& values) {
  return std::as_bytes(std::span(values));
}

Result<std::vector<float>> read_floats(xla::Runtime& runtime, const xla::DeviceTensor& tensor) {
  std::vector<float> values(xla::hlo::element_count(tensor.shape()));
  IX_RETURN_IF_ERROR(runtime.read(tensor, std::as_writable_bytes(std::span(values))));
  return values;
}

}  // namespace

xla::hlo::Module cache_step(int ranks) {
  xla::hlo::Builder b("step", ranks);
  const auto x = b.parameter("x", kVector);
  const auto position = b.parameter("position", kScalar);
  const auto cache = b.parameter("cache", kCache);
  const auto updated =
      b.dynamic_update_slice(cache, b.reshape(x, {1, kStepWidth}), {position, 0.0});
  b.output_in_place("cache", updated, cache);
  b.output("y", b.all_reduce(xla::hlo::Reduction::add,
                             b.reduce(xla::hlo::Reduction::add, updated, {0})));
  return std::move(b).finish().value();
}

CacheStep::CacheStep(xla::Runtime& runtime, xla::Program& program)
    : runtime_(runtime), program_(program) {
  for (int rank = 0; rank < runtime.ranks(); ++rank) {
    xla::RankBinding binding;
    for (const auto& parameter : program.module().parameters) {
      tensors_.push_back(runtime.tensor(rank, parameter.shape, parameter.name).value());
      binding.inputs.push_back(tensors_.back().get());
    }
    tensors_.push_back(runtime.tensor(rank, kVector, "y").value());
    binding.outputs = {binding.inputs[2], tensors_.back().get()};
    bindings_.push_back(std::move(binding));
  }
}

Result<Ticket> CacheStep::submit(int32_t position, float value) {
  for (const xla::RankBinding& binding : bindings_) {
    IX_RETURN_IF_ERROR(
        runtime_.write(*binding.inputs[0], bytes_of(std::vector<float>(kStepWidth, value))));
    IX_RETURN_IF_ERROR(
        runtime_.write(*binding.inputs[1], bytes_of(std::vector<int32_t>{position})));
  }
  return runtime_.execute(program_, bindings_);
}

Status CacheStep::set_cache(float value) {
  for (const xla::RankBinding& binding : bindings_) {
    const std::vector<float> values(kStepRows * kStepWidth, value);
    IX_RETURN_IF_ERROR(runtime_.write(*binding.inputs[2], bytes_of(values)));
  }
  return ok_status();
}

Result<std::vector<float>> CacheStep::result(int rank) const {
  return read_floats(runtime_, *bindings_[rank].outputs[1]);
}

Result<std::vector<float>> CacheStep::cache(int rank) const {
  return read_floats(runtime_, *bindings_[rank].outputs[0]);
}

Result<std::vector<float>> CacheStep::step(int32_t position, float value) {
  IX_RETURN_IF_ERROR(run_within_limit(runtime_, submit(position, value)));
  return result(0);
}

Status run_within_limit(xla::Runtime& runtime, const Result<Ticket>& ticket) {
  if (!ticket.ok()) return ticket.status();
  return runtime.wait(*ticket, std::chrono::steady_clock::now() + std::chrono::seconds(5));
}

}  // namespace ix::backend
