#include "backend/xla/weights/weight_form.h"

#include <array>

#include "base/check.h"

namespace ix::backend::xla {
namespace {

constexpr std::array kForms = {WeightForm::f32, WeightForm::bf16, WeightForm::f16, WeightForm::int8,
                               WeightForm::q4};

}  // namespace

std::string_view to_text(WeightForm form) {
  switch (form) {
    case WeightForm::f32:
      return "f32";
    case WeightForm::bf16:
      return "bf16";
    case WeightForm::f16:
      return "f16";
    case WeightForm::int8:
      return "int8";
    case WeightForm::q4:
      return "q4";
  }
  return "";
}

std::optional<WeightForm> parse_weight_form(std::string_view name) {
  for (const WeightForm form : kForms) {
    if (to_text(form) == name) return form;
  }
  return std::nullopt;
}

std::vector<WeightPiece> weight_pieces(WeightForm form, int64_t in, int64_t out) {
  using hlo::ElementType;
  switch (form) {
    case WeightForm::f32:
      return {{"", {ElementType::f32, {in, out}}}};
    case WeightForm::bf16:
      return {{"", {ElementType::bf16, {in, out}}}};
    case WeightForm::f16:
      return {{"", {ElementType::f16, {in, out}}}};
    case WeightForm::int8:
      return {{"", {ElementType::s8, {in, out}}}, {".scales", {ElementType::f32, {out}}}};
    case WeightForm::q4:
      IX_CHECK(in % kQ4Block == 0);
      return {{"", {ElementType::u8, {in / 2, out}}},
              {".scales", {ElementType::f32, {in / kQ4Block, out}}},
              {".minimums", {ElementType::f32, {in / kQ4Block, out}}}};
  }
  IX_CHECK(false);
  return {};
}

}  // namespace ix::backend::xla
