#include "model/metadata_keys.h"

#include <fmt/format.h>

#include <algorithm>

namespace ix::model {
namespace {

// Reciprocals and squares of numbers in between are finite floats.
constexpr double kSmallest = 1e-18;
constexpr double kLargest = 1e18;

}  // namespace

std::string MetadataKeys::full_name(std::string_view key) const {
  return fmt::format("{}.{}", architecture_, key);
}

bool MetadataKeys::has(std::string_view key) const {
  return file_.metadata().find(full_name(key)) != nullptr;
}

int64_t MetadataKeys::in_range(std::string_view key, int64_t value, IntRange range) {
  if (value < range.min || value > range.max) {
    findings_.add(corrupt(fmt::format("key '{}' is {}, expected {} to {}", full_name(key), value,
                                      range.min, range.max)));
  }
  return std::clamp(value, range.min, range.max);
}

int64_t MetadataKeys::integer(std::string_view key, IntRange range,
                              std::optional<int64_t> fallback) {
  if (fallback && !has(key)) return *fallback;
  const Result<int64_t> value = file_.metadata().get_int(full_name(key));
  if (!value.ok()) {
    findings_.add(corrupt(value.status().message()));
    return range.min;
  }
  return in_range(key, *value, range);
}

int64_t MetadataKeys::integer_of_layers(std::string_view key, IntRange range, int64_t layers,
                                        std::optional<int64_t> fallback) {
  const auto items = file_.metadata().get_ints(full_name(key));
  if (!items.ok()) return integer(key, range, fallback);
  if (static_cast<int64_t>(items->size()) != layers) {
    findings_.add(corrupt(fmt::format("key '{}' has {} items, expected one for each of {} layers",
                                      full_name(key), items->size(), layers)));
    return range.min;
  }
  const int64_t first = items->front();
  if (std::any_of(items->begin(), items->end(), [=](int64_t item) { return item != first; })) {
    findings_.add(unsupported(fmt::format(
        "key '{}' differs from layer to layer, which is not supported", full_name(key))));
  }
  return in_range(key, first, range);
}

float MetadataKeys::real(std::string_view key, FloatRange range, std::optional<float> fallback) {
  if (fallback && !has(key)) return *fallback;
  const Result<double> value = file_.metadata().get_float(full_name(key));
  if (!value.ok()) {
    findings_.add(corrupt(value.status().message()));
    return 1.0F;
  }
  const bool sane = *value >= kSmallest && *value <= kLargest;  // NaN is not
  const bool zero = *value == 0.0 && range == FloatRange::not_negative;
  if (!sane && !zero) {
    findings_.add(corrupt(
        fmt::format("key '{}' is {}, expected {}a number from {} to {}", full_name(key), *value,
                    range == FloatRange::positive ? "" : "0 or ", kSmallest, kLargest)));
    return 1.0F;
  }
  return static_cast<float>(*value);
}

std::string_view MetadataKeys::text(std::string_view key, std::string_view fallback) {
  if (!has(key)) return fallback;
  const auto value = file_.metadata().get_string(full_name(key));
  if (value.ok()) return *value;
  findings_.add(corrupt(value.status().message()));
  return fallback;
}

}  // namespace ix::model
