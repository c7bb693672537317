// An upload into memory that checks that pieces neither overlap nor leave gaps.
#pragma once

#include <gtest/gtest.h>

#include <algorithm>
#include <cstring>
#include <vector>

#include "backend/xla/runtime.h"
#include "base/float16.h"

namespace ix::testing {

class MemoryUpload final : public backend::xla::Upload {
 public:
  explicit MemoryUpload(const backend::xla::hlo::Shape& shape)
      : bytes_(static_cast<size_t>(backend::xla::hlo::byte_size(shape))),
        written_(bytes_.size(), false) {}

  Status write(int64_t offset, std::span<const std::byte> bytes) override {
    const auto begin = static_cast<size_t>(offset);
    EXPECT_LE(begin + bytes.size(), bytes_.size());
    largest_ = std::max(largest_, bytes.size());
    for (size_t i = 0; i < bytes.size(); ++i) {
      EXPECT_FALSE(written_[begin + i]) << "byte " << begin + i;
      written_[begin + i] = true;
    }
    std::copy(bytes.begin(), bytes.end(), bytes_.begin() + offset);
    return ok_status();
  }

  Result<std::unique_ptr<backend::xla::DeviceTensor>> finish() override {
    return internal_error("not a device");
  }

  bool complete() const {
    return std::all_of(written_.begin(), written_.end(), [](bool w) { return w; });
  }
  size_t largest_write() const { return largest_; }

  template <typename T>
  std::vector<T> values() const {
    EXPECT_TRUE(complete());
    std::vector<T> out(bytes_.size() / sizeof(T));
    std::memcpy(out.data(), bytes_.data(), bytes_.size());
    return out;
  }

 private:
  std::vector<std::byte> bytes_;
  std::vector<bool> written_;
  size_t largest_ = 0;
};

}  // namespace ix::testing
