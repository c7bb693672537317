#include "base/page_buffer.h"

#include <gtest/gtest.h>

#include <fstream>
#include <string>
#include <utility>

namespace ix {
namespace {

TEST(PageBuffer, IsZeroAndBeginsAtAPage) {
  for (uint64_t bytes : {uint64_t{1}, uint64_t{4097}, (uint64_t{2} << 20) + 1}) {
    Result<PageBuffer> buffer = PageBuffer::allocate(bytes);
    ASSERT_TRUE(buffer.ok());
    EXPECT_EQ(buffer->size(), bytes);
    EXPECT_EQ(reinterpret_cast<uintptr_t>(buffer->data()) % 4096, 0u);
    EXPECT_EQ(buffer->bytes().front(), std::byte{0});
    buffer->bytes().back() = std::byte{1};
  }
}

TEST(PageBuffer, LargeOnesBeginAtAHugePage) {
  Result<PageBuffer> buffer = PageBuffer::allocate(uint64_t{5} << 20);
  ASSERT_TRUE(buffer.ok());
  EXPECT_EQ(reinterpret_cast<uintptr_t>(buffer->data()) % (uint64_t{2} << 20), 0u);
}

TEST(PageBuffer, MovingLeavesNothingBehind) {
  Result<PageBuffer> buffer = PageBuffer::allocate(100);
  ASSERT_TRUE(buffer.ok());
  std::byte* data = buffer->data();
  PageBuffer moved = *std::move(buffer);
  EXPECT_EQ(moved.data(), data);
  PageBuffer other;
  other = std::move(moved);
  EXPECT_EQ(other.data(), data);
  EXPECT_EQ(moved.data(), nullptr);  // NOLINT(bugprone-use-after-move)
}

TEST(PageBuffer, ReservesMoreThanThereIs) {
  Result<PageBuffer> buffer = PageBuffer::reserve(uint64_t{1} << 40);  // 1 TiB
  ASSERT_TRUE(buffer.ok()) << buffer.status().message();
  EXPECT_EQ(buffer->size(), uint64_t{1} << 40);
  EXPECT_EQ(buffer->data()[uint64_t{1} << 39], std::byte{0});
  buffer->bytes().back() = std::byte{9};
  EXPECT_EQ(buffer->bytes().back(), std::byte{9});
}

TEST(PageBuffer, NothingIsAnEmptyBuffer) {
  for (const auto& make : {PageBuffer::allocate, PageBuffer::reserve}) {
    Result<PageBuffer> buffer = make(0);
    ASSERT_TRUE(buffer.ok());
    EXPECT_TRUE(buffer->bytes().empty());
  }
}

// "VmLck:" of this process, in bytes.
uint64_t locked_bytes() {
  std::ifstream status("/proc/self/status");
  for (std::string word; status >> word;) {
    uint64_t kib = 0;
    if (word == "VmLck:" && status >> kib) return kib * 1024;
  }
  ADD_FAILURE() << "the kernel does not say what is locked";
  return 0;
}

TEST(PageBuffer, LocksItsPagesWhileItLives) {
  const uint64_t before = locked_bytes();
  {
    Result<PageBuffer> buffer = PageBuffer::allocate(8192);
    ASSERT_TRUE(buffer.ok());
    const Status locked = buffer->lock();
    ASSERT_TRUE(locked.ok()) << locked.message();
    EXPECT_EQ(locked_bytes(), before + 8192);
  }
  EXPECT_EQ(locked_bytes(), before);
  EXPECT_TRUE(PageBuffer().lock().ok());
}

TEST(PageBuffer, RefusesWhatTheSystemCannotGive) {
  for (const auto& make : {PageBuffer::allocate, PageBuffer::reserve}) {
    for (const uint64_t bytes : {uint64_t{1} << 47, uint64_t{1} << 63, ~uint64_t{0}}) {
      const Result<PageBuffer> buffer = make(bytes);
      ASSERT_FALSE(buffer.ok());
      EXPECT_EQ(buffer.status().code(), StatusCode::resource_exhausted);
    }
  }
}

}  // namespace
}  // namespace ix
