#include "backend/xla/hlo/live_bytes.h"

#include <gtest/gtest.h>

#include <functional>

#include "backend/xla/hlo/builder.h"
#include "backend/xla/hlo/hlo.pb.h"
#include "xla/hlo/proto_edit.h"

namespace ix::backend::xla::hlo {
namespace {

constexpr auto kF32 = ElementType::f32;
constexpr auto kS32 = ElementType::s32;

int64_t alive(const std::function<void(Builder&)>& program) {
  Builder b("program", 1);
  program(b);
  return live_bytes(testing::parsed(*std::move(b).finish()));
}

// x and its exponential are alive together, then the exponential and its square root; the result
// is the caller's.
TEST(LiveBytes, FollowsAChain) {
  EXPECT_EQ(alive([](Builder& b) {
              const Op x = b.parameter("x", {kF32, {256}});
              b.output("y", b.sqrt(b.exp(b.negate(x))));
            }),
            2 * 1024);
  EXPECT_EQ(alive([](Builder& b) { b.output("y", b.exp(b.parameter("x", {kF32, {256}}))); }), 0);
}

// The first value is kept until the last instruction.
TEST(LiveBytes, KeepsWhatIsUsedLater) {
  EXPECT_EQ(alive([](Builder& b) {
              const Op first = b.negate(b.parameter("x", {kF32, {256}}));
              const Op last = b.sqrt(b.exp(first));
              b.output("y", b.add(first, b.reshape(last, {256})));
            }),
            3 * 1024);
}

// A cache is updated where it lies; the rows are 64 bytes.
TEST(LiveBytes, UpdatesInPlace) {
  EXPECT_EQ(alive([](Builder& b) {
              const Op cache = b.parameter("cache", {kF32, {1024, 16}});
              const Op rows = b.exp(b.parameter("rows", {kF32, {1, 16}}));
              const Op start = b.reshape(b.parameter("start", {kS32, {1}}), {});
              b.output_in_place("cache", b.dynamic_update_slice(cache, rows, {start, 0.0}), cache);
            }),
            64);
}

}  // namespace
}  // namespace ix::backend::xla::hlo
