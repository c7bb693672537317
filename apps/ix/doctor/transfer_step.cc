#include "doctor/transfer_step.h"

#include <fmt/format.h>

#include <algorithm>
#include <cstring>

#include "doctor/compile_step.h"
#include "doctor/device_under_test.h"

namespace ix::cli::doctor {
namespace {

namespace hlo = backend::xla::hlo;
using Clock = std::chrono::steady_clock;

constexpr int64_t kBytes = int64_t{64} << 20;
// As weights are loaded.
constexpr int64_t kPiece = int64_t{8} << 20;
constexpr int kRounds = 3;

double gigabytes_a_second(Clock::time_point start) {
  const double seconds = std::chrono::duration<double>(Clock::now() - start).count();
  return static_cast<double>(kBytes) / 1e9 / std::max(seconds, 1e-9);
}

// No two pages alike.
std::vector<std::byte> pattern() {
  std::vector<std::byte> bytes(static_cast<size_t>(kBytes));
  for (size_t i = 0; i < bytes.size(); i += sizeof(uint64_t)) {
    const uint64_t word = i * 0x9E3779B97F4A7C15U;
    std::memcpy(bytes.data() + i, &word, sizeof(word));
  }
  return bytes;
}

Result<std::unique_ptr<backend::xla::DeviceTensor>> load(backend::xla::Runtime& runtime,
                                                         std::span<const std::byte> bytes) {
  const hlo::Shape shape{hlo::ElementType::u8, {kBytes}};
  IX_ASSIGN_OR_RETURN(auto upload, runtime.upload(0, shape, "doctor_transfer"));
  for (int64_t at = 0; at < kBytes; at += kPiece) {
    IX_RETURN_IF_ERROR(upload->write(at, bytes.subspan(static_cast<size_t>(at), kPiece)));
  }
  return upload->finish();
}

StepResult run(DeviceUnderTest& device) {
  const std::vector<std::byte> sent = pattern();
  std::vector<std::byte> back(sent.size());
  double load_best = 0;
  double copy_best = 0;
  for (int round = 0; round < kRounds && !device.give_up(); ++round) {
    auto start = Clock::now();
    const auto tensor = load(*device.runtime, sent);
    if (!tensor.ok()) return StepResult::failed(tensor.status());
    load_best = std::max(load_best, gigabytes_a_second(start));
    std::ranges::fill(back, std::byte{0});
    start = Clock::now();
    const Status read = device.runtime->read(**tensor, back);
    if (!read.ok()) return StepResult::failed(read);
    copy_best = std::max(copy_best, gigabytes_a_second(start));
    const auto different = std::ranges::mismatch(sent, back).in1;
    if (different != sent.end()) {
      return StepResult::failed(fmt::format("byte {} came back changed", different - sent.begin()));
    }
  }
  return StepResult::passed(
      fmt::format("load {:.2f} GB/s, copy back {:.2f} GB/s, all bytes equal", load_best, copy_best),
      {{"bytes", kBytes}, {"load_gbs", load_best}, {"copy_gbs", copy_best}});
}

}  // namespace

Step transfer_step() {
  return {"transfer",
          "bandwidth of load and copy",
          "64 MiB that come back as they were sent",
          "memory of the device or the way to it is bad: try another instance",
          std::chrono::seconds(120),
          {kOpenStep},
          run};
}

}  // namespace ix::cli::doctor
