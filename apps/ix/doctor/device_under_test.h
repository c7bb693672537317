// The device that steps examine, and what they found out about it.
#pragma once

#include <atomic>
#include <chrono>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "backend/neuron/neuron_runtime.h"
#include "backend/xla/runtime.h"

namespace ix::cli::doctor {

enum class DeviceKind { neuron, xla };

struct DoctorOptions {
  DeviceKind kind = DeviceKind::neuron;
  std::string plugin;             // path of the PJRT plugin, for xla
  int ranks = 0;                  // 0 = every visible core; of a plugin two devices, or one
  bool deep = false;              // else only the steps that open the device
  std::chrono::seconds limit{0};  // of every step; 0 = each its own
  std::function<bool()> cancelled = [] { return false; };  // any thread
};

// Used by the thread of the steps; give_up() from any.
class DeviceUnderTest {
 public:
  explicit DeviceUnderTest(DoctorOptions options) : options_(std::move(options)) {}

  const DoctorOptions& options() const { return options_; }
  bool is_neuron() const { return options_.kind == DeviceKind::neuron; }

  // Replicas of the programs: those of the runtime; before there is one, as many as were asked for.
  int ranks() const;

  // The current step's time is up, or the user gave up.
  bool give_up() const;
  backend::Deadline deadline() const {
    return backend::Deadline(backend::Deadline::duration(deadline_));
  }
  void set_deadline(backend::Deadline deadline) { deadline_ = deadline.time_since_epoch().count(); }

  // With give_up() as the compiler's way to end.
  backend::neuron::CompilerOptions compiler_options() const;

  // Opened once the step that opens it has passed; the last step takes it.
  std::unique_ptr<backend::xla::Runtime> runtime;
  std::unique_ptr<backend::neuron::NeffStore> store;  // neuron: for steps that only compile
  std::map<std::string, std::string> versions;        // "libnrt", "driver", "neuronx-cc", "pjrt"
  // Of a group of operations: which of its cases are in one program that compiled.
  std::map<std::string, std::vector<std::vector<size_t>>> compiled;

 private:
  const DoctorOptions options_;
  std::atomic<backend::Deadline::rep> deadline_ = backend::kNoDeadline.time_since_epoch().count();
};

}  // namespace ix::cli::doctor
