// A step of the examination, and how it went.
#pragma once

#include <chrono>
#include <functional>
#include <nlohmann/json.hpp>
#include <string>
#include <utility>
#include <vector>

#include "base/status.h"

namespace ix::cli::doctor {

using Json = nlohmann::ordered_json;

class DeviceUnderTest;

enum class StepState { ok, failed, skipped };
const char* to_text(StepState state);  // "ok"

struct StepResult {
  StepState state = StepState::ok;
  std::string got;                // of a skipped one: why
  Json details = Json::object();  // numbers and lists for the report

  static StepResult passed(std::string got, Json details = Json::object()) {
    return {StepState::ok, std::move(got), std::move(details)};
  }
  static StepResult failed(std::string got, Json details = Json::object()) {
    return {StepState::failed, std::move(got), std::move(details)};
  }
  static StepResult failed(const Status& status) { return failed(status.message()); }
  static StepResult skipped(std::string why) { return {StepState::skipped, std::move(why), {}}; }
};

struct Step {
  std::string id;        // "ops.layout"
  std::string title;     // for people: "operations: layout"
  std::string expected;  // what is right, in words
  std::string advice;    // what to do where it is not
  std::chrono::seconds limit;
  std::vector<std::string> needs;  // ids of earlier steps that must have passed
  // Runs on the thread that owns the device.
  std::function<StepResult(DeviceUnderTest&)> run;
};

struct StepReport {
  const Step* step;
  StepResult result;
  double seconds = 0;
};

}  // namespace ix::cli::doctor
