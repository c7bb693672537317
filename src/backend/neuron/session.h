// libnrt between nrt_init and nrt_close, and whether it is still of use.
#pragma once

#include <atomic>
#include <memory>
#include <mutex>
#include <string_view>

#include "backend/neuron/nrt/nrt_library.h"
#include "backend/neuron/nrt/nrt_status.h"
#include "base/function_ref.h"
#include "base/result.h"

namespace ix::backend::neuron {

// Thread-safe. Shared with threads that may be left behind in a call.
class Session {
 public:
  explicit Session(std::shared_ptr<const nrt::Library> library) : library_(std::move(library)) {}

  const nrt::Functions& nrt() const { return library_->functions(); }
  const nrt::Library& library() const { return *library_; }

  // Calls libnrt; where the answer is that the core is busy for a moment, again, for two seconds at
  // most. A sticky status ends the session.
  Status call(std::string_view what, FunctionRef<nrt::StatusValue()> function);

  // Ok, or why the session has ended. The first reason stays.
  Status alive() const;
  void die(Status status);

  // A thread is in a call that does not return: what it may use is neither freed nor unloaded.
  void leave_behind() { left_behind_ = true; }
  bool left_behind() const { return left_behind_; }

 private:
  const std::shared_ptr<const nrt::Library> library_;
  mutable std::mutex mutex_;
  Status death_;  // guarded by mutex_
  std::atomic<bool> left_behind_ = false;
};

}  // namespace ix::backend::neuron
