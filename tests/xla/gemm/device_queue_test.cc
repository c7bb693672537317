// Order, repetition, death and end of executions, on a runtime that does what a test tells it to.
#include "backend/xla/gemm/device_queue.h"

#include <fmt/format.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <cstring>
#include <deque>
#include <set>

namespace ix::backend::xla {
namespace {

using namespace std::chrono_literals;

class HostTensor final : public DeviceTensor {
 public:
  HostTensor(hlo::Shape shape, int rank, std::atomic<int>& live)
      : bytes(static_cast<size_t>(hlo::byte_size(shape))),
        shape_(std::move(shape)),
        rank_(rank),
        live_(live) {
    ++live_;
  }
  ~HostTensor() override { --live_; }
  const hlo::Shape& shape() const override { return shape_; }
  int rank() const override { return rank_; }

  std::vector<std::byte> bytes;

 private:
  const hlo::Shape shape_;
  const int rank_;
  std::atomic<int>& live_;
};

class CopyProgram final : public Program {
 public:
  CopyProgram() {
    const hlo::Shape byte = {hlo::ElementType::u8, {1}};
    module_.name = "copy";
    module_.parameters = {{"from", byte}};
    module_.outputs = {{"to", byte}};
    module_.replicas = 2;
  }
  const hlo::Module& module() const override { return module_; }

 private:
  hlo::Module module_;
};

// Two ranks. An execution copies its input when it is waited for. As on Neuron, one that fails
// takes those behind it along.
class ScriptedRuntime final : public Runtime {
 public:
  // Executions, by the byte that they copy on rank 0.
  std::set<int> fails;       // once each
  std::set<int> kills;       // the runtime
  std::set<int> cannot_run;  // refused by execute()
  std::atomic<int> held{0};  // wait() lasts while it is 1
  int most_tensors = 1000;
  // What happened.
  std::vector<int> executed;  // in order
  std::atomic<int> waits{0};
  size_t most_in_flight = 0;
  mutable std::atomic<int> live{0};

  int ranks() const override { return 2; }
  Result<std::unique_ptr<Program>> load(const hlo::Module&, ProgramKind) override {
    return unsupported("");
  }
  Result<std::unique_ptr<DeviceTensor>> tensor(int rank, const hlo::Shape& shape,
                                               const std::string&) override {
    if (live >= most_tensors) return resource_exhausted("device memory");
    return std::unique_ptr<DeviceTensor>(std::make_unique<HostTensor>(shape, rank, live));
  }
  Result<std::unique_ptr<Upload>> upload(int, const hlo::Shape&, const std::string&) override {
    return unsupported("");
  }
  Status write(DeviceTensor& tensor, std::span<const std::byte> bytes) override {
    std::ranges::copy(bytes, static_cast<HostTensor&>(tensor).bytes.begin());
    return death_;
  }
  Result<Ticket> execute(Program&, std::span<const RankBinding> bindings) override {
    if (!death_.ok()) return death_;
    Queued queued{.ticket = ++last_, .bindings = {bindings.begin(), bindings.end()}};
    const int byte = byte_of(queued);
    if (cannot_run.contains(byte)) return invalid_argument("cannot run");
    executed.push_back(byte);
    queue_.push_back(std::move(queued));
    most_in_flight = std::max(most_in_flight, queue_.size());
    return last_;
  }
  Status wait(Ticket ticket, Deadline deadline) override {
    EXPECT_FALSE(queue_.empty());
    EXPECT_EQ(queue_.front().ticket, ticket);
    const Queued queued = std::move(queue_.front());
    queue_.pop_front();
    ++waits;
    waits.notify_all();
    held.wait(1);
    if (!death_.ok()) return death_;
    const int byte = byte_of(queued);
    if (deadline < std::chrono::steady_clock::now() || kills.contains(byte)) {
      return death_ = Status(StatusCode::unavailable, fmt::format("core lost in {}", byte));
    }
    if (queued.poisoned || fails.erase(byte) != 0) {
      for (Queued& later : queue_) later.poisoned = true;
      return internal_error(queued.poisoned ? "an earlier step failed" : "failed");
    }
    for (const RankBinding& binding : queued.bindings) {
      static_cast<HostTensor*>(binding.outputs[0])->bytes =
          static_cast<HostTensor*>(binding.inputs[0])->bytes;
    }
    return ok_status();
  }
  Status read(const DeviceTensor& tensor, std::span<std::byte> bytes) override {
    std::ranges::copy(static_cast<const HostTensor&>(tensor).bytes, bytes.begin());
    return death_;
  }
  Health health() const override {
    return {death_.ok() ? HealthState::ok : HealthState::dead, death_};
  }
  std::string description() const override { return "scripted"; }

 private:
  struct Queued {
    Ticket ticket;
    std::vector<RankBinding> bindings;
    bool poisoned = false;
  };
  static int byte_of(const Queued& queued) {
    return static_cast<int>(static_cast<HostTensor*>(queued.bindings[0].inputs[0])->bytes[0]);
  }

  Ticket last_ = 0;
  std::deque<Queued> queue_;
  Status death_;
};

class DeviceQueueTest : public ::testing::Test {
 protected:
  // Execution number i copies i on rank 0 and i + 100 on rank 1.
  struct Call {
    explicit Call(int number)
        : in{std::byte(number), std::byte(number + 100)}, out{std::byte{0}, std::byte{0}} {}
    bool arrived() const { return out == in; }
    bool untouched() const { return out == std::array{std::byte{0}, std::byte{0}}; }
    std::array<std::byte, 2> in;
    std::array<std::byte, 2> out;
    std::future<Status> done;
  };

  Call& post(int number) {
    calls_.emplace_back(number);
    Call& call = calls_.back();
    Execution execution;
    execution.program = program_;
    for (size_t rank = 0; rank < 2; ++rank) {
      execution.ranks.push_back(
          {{}, {std::span(call.in).subspan(rank, 1)}, {std::span(call.out).subspan(rank, 1)}});
    }
    call.done = queue_->post(std::move(execution));
    return call;
  }
  // Posts the first, which then is waited for, and the others behind it.
  void post_behind_held(int count) {
    runtime_.held = 1;
    post(1);
    runtime_.waits.wait(0);
    for (int i = 2; i <= count; ++i) post(i);
  }
  void let_go() {
    runtime_.held = 0;
    runtime_.held.notify_all();
  }

  ScriptedRuntime runtime_;
  std::shared_ptr<Program> program_ = std::make_shared<CopyProgram>();
  std::deque<Call> calls_;  // outlives the queue
  std::unique_ptr<DeviceQueue> queue_ = std::make_unique<DeviceQueue>(runtime_, 60s);
};

TEST_F(DeviceQueueTest, ExecutesInOrderAndSeveralAtOnce) {
  post_behind_held(20);
  let_go();
  for (Call& call : calls_) {
    EXPECT_TRUE(call.done.get().ok());
    EXPECT_TRUE(call.arrived());
  }
  std::vector<int> expected(20);
  for (int i = 0; i < 20; ++i) expected[static_cast<size_t>(i)] = i + 1;
  EXPECT_EQ(runtime_.executed, expected);
  EXPECT_GT(runtime_.most_in_flight, 1U);
  EXPECT_LE(runtime_.most_in_flight, DeviceQueue::kMostInFlight);
}

TEST_F(DeviceQueueTest, KeepsInputsAndOutputsForTheNext) {
  for (int i = 1; i <= 10; ++i) EXPECT_TRUE(post(i).done.get().ok());
  EXPECT_EQ(runtime_.live, 4);  // an input and an output on two ranks
  queue_->trim();
  EXPECT_EQ(runtime_.live, 0);
  EXPECT_TRUE(post(11).done.get().ok());
  EXPECT_TRUE(calls_.back().arrived());
}

TEST_F(DeviceQueueTest, MakesRoomWhereMemoryIsUsedUp) {
  runtime_.most_tensors = 4;
  EXPECT_TRUE(post(1).done.get().ok());
  program_ = std::make_shared<CopyProgram>();  // the first one's tensors are not its own
  EXPECT_TRUE(post(2).done.get().ok());
  EXPECT_EQ(runtime_.live, 4);
  runtime_.most_tensors = 3;
  program_ = std::make_shared<CopyProgram>();
  EXPECT_EQ(post(3).done.get().code(), StatusCode::resource_exhausted);
  runtime_.most_tensors = 4;
  EXPECT_TRUE(post(4).done.get().ok());
}

TEST_F(DeviceQueueTest, OneThatFailsFailsAlone) {
  runtime_.fails = {2, 5};
  post_behind_held(12);
  let_go();
  for (size_t i = 0; i < calls_.size(); ++i) {
    const bool fails = i == 1 || i == 4;
    const Status status = calls_[i].done.get();
    EXPECT_EQ(status.ok(), !fails) << i << ": " << status.message();
    EXPECT_EQ(fails ? calls_[i].untouched() : calls_[i].arrived(), true) << i;
    EXPECT_EQ(status.message(), fails ? "failed" : "");
  }
}

TEST_F(DeviceQueueTest, OneThatIsRefusedFailsAlone) {
  runtime_.cannot_run = {2};
  post_behind_held(3);
  let_go();
  EXPECT_TRUE(calls_[0].done.get().ok());
  EXPECT_EQ(calls_[1].done.get().message(), "cannot run");
  EXPECT_TRUE(calls_[2].done.get().ok());
}

TEST_F(DeviceQueueTest, OnceDeadItSaysTheSameToAll) {
  runtime_.kills = {3};
  post_behind_held(9);
  let_go();
  for (size_t i = 0; i < calls_.size(); ++i) {
    const Status status = calls_[i].done.get();
    EXPECT_EQ(status.ok(), i < 2) << i;
    EXPECT_EQ(status.message(), i < 2 ? "" : "core lost in 3");
    EXPECT_EQ(i < 2 ? calls_[i].arrived() : calls_[i].untouched(), true) << i;
  }
  EXPECT_EQ(post(10).done.get().message(), "core lost in 3");
}

TEST_F(DeviceQueueTest, GivesUpAnExecutionAtItsLimit) {
  queue_ = std::make_unique<DeviceQueue>(runtime_, -1s);
  EXPECT_EQ(post(1).done.get().code(), StatusCode::unavailable);
}

TEST_F(DeviceQueueTest, ClosingEndsWhatRunsAndRefusesWhatWaits) {
  post_behind_held(20);
  std::thread closer([&] { queue_->close(); });
  let_go();
  closer.join();
  int ran = 0;
  for (Call& call : calls_) {
    const Status status = call.done.get();
    ran += status.ok() ? 1 : 0;
    EXPECT_EQ(status.ok() ? call.arrived() : call.untouched(), true);
    EXPECT_EQ(status.code(), status.ok() ? StatusCode::ok : StatusCode::unavailable);
  }
  EXPECT_GE(ran, 1);
  EXPECT_EQ(static_cast<size_t>(ran), runtime_.executed.size());
  EXPECT_EQ(runtime_.live, 0);
  EXPECT_EQ(post(30).done.get().code(), StatusCode::unavailable);
  queue_->close();
}

}  // namespace
}  // namespace ix::backend::xla
