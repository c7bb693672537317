#include "backend/xla/hlo/builder.h"

#include "backend/xla/hlo/builder_state.h"

namespace ix::backend::xla::hlo {

Builder::Builder(std::string name, int32_t replicas)
    : state_(std::make_unique<BuilderState>(std::move(name), replicas)) {}
Builder::~Builder() = default;
Builder::Builder(Builder&&) noexcept = default;
Builder& Builder::operator=(Builder&&) noexcept = default;

void Builder::set_scope(std::string scope) { state_->set_scope(std::move(scope)); }

const Shape& Builder::shape(Op op) const {
  static const Shape kAfterError;
  return op.index < 0 ? kAfterError : state_->shape(op);
}

int64_t Builder::dim(Op op, int64_t dimension) const {
  const Shape& of = shape(op);
  if (dimension < 0) dimension += of.rank();
  if (op.index >= 0 && (dimension < 0 || dimension >= of.rank())) {
    state_->fail("dim", "dimension is outside " + to_text(of));
  }
  return dimension < 0 || dimension >= of.rank() ? 1 : of.dims[dimension];
}

Op Builder::parameter(std::string name, Shape shape) {
  return state_->parameter(std::move(name), std::move(shape));
}

void Builder::output(std::string name, Op value) {
  state_->output(std::move(name), value, nullptr);
}

void Builder::output_in_place(std::string name, Op value, Op parameter) {
  state_->output(std::move(name), value, &parameter);
}

Result<Module> Builder::finish() && { return state_->finish(); }

}  // namespace ix::backend::xla::hlo
