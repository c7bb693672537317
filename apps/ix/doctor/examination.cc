#include "doctor/examination.h"

#include <fmt/format.h>

#include <algorithm>
#include <condition_variable>
#include <exception>
#include <mutex>
#include <new>
#include <optional>
#include <thread>

namespace ix::cli::doctor {
namespace {

using Clock = std::chrono::steady_clock;

// Steps end by themselves when their time is up, if they can; this much later nobody waits.
constexpr auto kGrace = std::chrono::seconds(5);
constexpr auto kPoll = std::chrono::milliseconds(50);
// To close the device.
constexpr auto kCloseLimit = std::chrono::seconds(60);

// A thread for one job at a time. Left behind where a job does not end.
class Worker {
 public:
  Worker() : shared_(std::make_shared<Shared>()) {
    thread_ = std::thread([shared = shared_] { serve(*shared); });
  }
  Worker(const Worker&) = delete;
  Worker& operator=(const Worker&) = delete;
  ~Worker() {
    {
      const std::lock_guard lock(shared_->mutex);
      shared_->stopping = true;
    }
    shared_->changed.notify_all();
    left_behind_ ? thread_.detach() : thread_.join();
  }

  // Whether the job ended before `wait_no_longer` was true. The worker is of no more use if not.
  bool run(std::function<void()> job, const std::function<bool()>& wait_no_longer) {
    std::unique_lock lock(shared_->mutex);
    shared_->job = std::move(job);
    shared_->changed.notify_all();
    while (shared_->job) {
      shared_->changed.wait_for(lock, kPoll);
      if (shared_->job && wait_no_longer()) {
        left_behind_ = true;
        return false;
      }
    }
    return true;
  }

 private:
  struct Shared {
    std::mutex mutex;
    std::condition_variable changed;
    std::function<void()> job;
    bool stopping = false;
  };

  static void serve(Shared& shared) {
    std::unique_lock lock(shared.mutex);
    for (;;) {
      shared.changed.wait(lock, [&] { return shared.stopping || shared.job; });
      if (!shared.job) return;
      const std::function<void()> job = shared.job;
      lock.unlock();
      job();
      lock.lock();
      shared.job = nullptr;
      shared.changed.notify_all();
    }
  }

  const std::shared_ptr<Shared> shared_;
  std::thread thread_;
  bool left_behind_ = false;
};

// No exception leaves a thread.
StepResult run_guarded(const std::function<StepResult(DeviceUnderTest&)>& run,
                       DeviceUnderTest& device) {
  try {
    return run(device);
  } catch (const std::bad_alloc&) {
    return StepResult::failed("out of memory");
  } catch (const std::exception& e) {
    return StepResult::failed(e.what());
  }
}

std::string seconds_text(std::chrono::seconds limit) { return fmt::format("{} s", limit.count()); }

class Examiner {
 public:
  explicit Examiner(std::shared_ptr<DeviceUnderTest> device) : device_(std::move(device)) {}

  StepReport take(const Step& step) {
    if (auto why = why_not(step)) return {&step, StepResult::skipped(*std::move(why))};
    const auto start = Clock::now();
    StepReport report{&step, run(step, start)};
    report.seconds = std::chrono::duration<double>(Clock::now() - start).count();
    if (!out_.left_behind) look_at_device(step);
    return report;
  }

  void record(const StepReport& report) { out_.steps.push_back(report); }

  // What must be said at the end; closes the device.
  Examination finish() && {
    out_.interrupted = out_.interrupted || device_->options().cancelled();
    if (!out_.left_behind) {
      const auto limit = Clock::now() + kCloseLimit;
      out_.left_behind = !worker_.run([device = device_] { device->runtime.reset(); },
                                      [&] { return Clock::now() >= limit; });
    }
    return std::move(out_);
  }

 private:
  StepResult run(const Step& step, Clock::time_point start) {
    const auto limit = start + step.limit;
    device_->set_deadline(limit);
    // Shared with the thread, which may be left behind.
    const auto result = std::make_shared<std::optional<StepResult>>();
    std::optional<Clock::time_point> interrupted;
    const auto wait_no_longer = [&] {
      const auto now = Clock::now();
      if (!interrupted && device_->options().cancelled()) interrupted = now;
      return now >= limit + kGrace || (interrupted && now >= *interrupted + kGrace);
    };
    const bool ended = worker_.run(
        [device = device_, run = step.run, result] { *result = run_guarded(run, *device); },
        wait_no_longer);
    if (!ended) {
      out_.left_behind = true;
      stopped_ = fmt::format("\"{}\" did not come back: the device counts as dead", step.title);
      return StepResult::failed("did not end within " + seconds_text(step.limit));
    }
    StepResult taken = *std::move(*result);
    if (taken.state == StepState::failed && Clock::now() >= limit) {
      taken.got = fmt::format("did not end within {}: {}", seconds_text(step.limit), taken.got);
    }
    return taken;
  }

  // The step has ended, so its thread leaves the device alone.
  void look_at_device(const Step& step) {
    out_.versions = device_->versions;
    if (device_->runtime == nullptr) return;
    out_.description = device_->runtime->description();
    out_.cores = device_->runtime->ranks();
    if (stopped_.empty() && device_->runtime->health().state == backend::HealthState::dead) {
      stopped_ = fmt::format("the device is dead since \"{}\"", step.title);
    }
  }

  std::optional<std::string> why_not(const Step& step) const {
    if (device_->options().cancelled()) return "interrupted";
    if (!stopped_.empty()) return stopped_;
    for (const std::string& needed : step.needs) {
      const auto found = std::ranges::find_if(
          out_.steps, [&](const StepReport& report) { return report.step->id == needed; });
      if (found == out_.steps.end() || found->result.state == StepState::ok) continue;
      return fmt::format("\"{}\" {}", found->step->title,
                         found->result.state == StepState::failed ? "failed" : "was skipped");
    }
    return std::nullopt;
  }

  const std::shared_ptr<DeviceUnderTest> device_;
  Examination out_;
  std::string stopped_;  // why nothing more is tried
  Worker worker_;
};

}  // namespace

const char* to_text(StepState state) {
  switch (state) {
    case StepState::ok:
      return "ok";
    case StepState::failed:
      return "failed";
    case StepState::skipped:
      return "skipped";
  }
  return "";
}

bool Examination::passed() const {
  return std::ranges::all_of(
      steps, [](const StepReport& report) { return report.result.state == StepState::ok; });
}

Examination examine(std::shared_ptr<DeviceUnderTest> device, const std::vector<Step>& steps,
                    const std::function<void(const Step&)>& begins,
                    const std::function<void(const StepReport&)>& ended) {
  Examiner examiner(std::move(device));
  for (const Step& step : steps) {
    begins(step);
    const StepReport report = examiner.take(step);
    examiner.record(report);
    ended(report);
  }
  return std::move(examiner).finish();
}

}  // namespace ix::cli::doctor
