// Runs steps one after the other, each within its time.
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "doctor/device_under_test.h"
#include "doctor/step.h"

namespace ix::cli::doctor {

struct Examination {
  std::vector<StepReport> steps;
  std::map<std::string, std::string> versions;
  std::string description;  // of the device, where it was opened
  int cores = 0;
  // A step did not come back: its thread and the device are left behind, and the process must end
  // without taking them down.
  bool left_behind = false;
  bool interrupted = false;

  bool passed() const;  // every step did
};

// Steps run on a thread that owns the device. A failed one leaves out those that need it, a dead
// device, a step that does not come back and an interruption all that come later. `begins` and
// `ended` are called by the caller's thread. `steps` outlives the result.
Examination examine(std::shared_ptr<DeviceUnderTest> device, const std::vector<Step>& steps,
                    const std::function<void(const Step&)>& begins,
                    const std::function<void(const StepReport&)>& ended);

}  // namespace ix::cli::doctor
