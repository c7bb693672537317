#include "backend/reference/rope_angles.h"

#include <cmath>

namespace ix::backend::reference {
namespace {

std::span<const float> row_of(const std::vector<float>& angles, size_t width, int64_t row) {
  return std::span(angles).subspan(static_cast<size_t>(row) * width, width);
}

}  // namespace

int32_t RopeAngles::add(graph::RopeTable table) {
  for (size_t i = 0; i < tables_.size(); ++i) {
    const graph::RopeTable& known = tables_[i].table;
    if (known.frequencies == table.frequencies && known.magnitude == table.magnitude) {
      return static_cast<int32_t>(i);
    }
  }
  tables_.push_back({.table = std::move(table), .cosines = {}, .sines = {}});
  return static_cast<int32_t>(tables_.size()) - 1;
}

void RopeAngles::compute(std::span<const Position> positions) {
  for (Angles& angles : tables_) {
    const std::vector<float>& frequencies = angles.table.frequencies;
    const auto magnitude = static_cast<double>(angles.table.magnitude);
    angles.cosines.resize(positions.size() * frequencies.size());
    angles.sines.resize(positions.size() * frequencies.size());
    size_t out = 0;
    for (const Position position : positions) {
      for (const float frequency : frequencies) {
        const double angle = static_cast<double>(position) * static_cast<double>(frequency);
        angles.cosines[out] = static_cast<float>(std::cos(angle) * magnitude);
        angles.sines[out] = static_cast<float>(std::sin(angle) * magnitude);
        ++out;
      }
    }
  }
}

std::span<const float> RopeAngles::cosines(int32_t table, int64_t row) const {
  const Angles& angles = tables_[static_cast<size_t>(table)];
  return row_of(angles.cosines, angles.table.frequencies.size(), row);
}

std::span<const float> RopeAngles::sines(int32_t table, int64_t row) const {
  const Angles& angles = tables_[static_cast<size_t>(table)];
  return row_of(angles.sines, angles.table.frequencies.size(), row);
}

}  // namespace ix::backend::reference
