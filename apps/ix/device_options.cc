#include "device_options.h"

#include <fmt/format.h>

#include "backend/xla/weights/weight_form.h"

namespace ix::cli {

Result<backend::xla::WeightForm> device_form(const std::string& name) {
  const auto form = backend::xla::parse_weight_form(name);
  // Float32 is for tests: nobody has a device whose memory it suits.
  if (form && *form != backend::xla::WeightForm::f32) return *form;
  return invalid_argument(fmt::format("--weights {}: give bf16, f16, int8 or q4", name));
}

}  // namespace ix::cli
