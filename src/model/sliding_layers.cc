#include "model/sliding_layers.h"

#include <fmt/format.h>

#include <limits>

#include "base/types.h"

namespace ix::model {
namespace {

constexpr std::string_view kPattern = "attention.sliding_window_pattern";

}  // namespace

std::vector<int64_t> read_windows(MetadataKeys& keys, int64_t layers, int64_t default_window,
                                  int64_t default_period) {
  const int64_t window = keys.integer("attention.sliding_window",
                                      {0, std::numeric_limits<Position>::max()}, default_window);
  std::vector<int64_t> windows(static_cast<size_t>(layers), 0);
  const auto pattern = keys.file().metadata().get_ints(keys.full_name(kPattern));
  if (pattern.ok()) {
    if (pattern->size() != windows.size()) {
      keys.findings().add(corrupt(fmt::format("key '{}' has {} items, expected {}",
                                              keys.full_name(kPattern), pattern->size(), layers)));
      return windows;
    }
    for (size_t i = 0; i < windows.size(); ++i) windows[i] = (*pattern)[i] != 0 ? window : 0;
    return windows;
  }
  const int64_t period = keys.integer(kPattern, {0, 1024}, default_period);
  for (int64_t i = 0; i < layers; ++i) {
    const bool sees_all = period > 0 && i % period == period - 1;
    windows[static_cast<size_t>(i)] = sees_all ? 0 : window;
  }
  return windows;
}

}  // namespace ix::model
