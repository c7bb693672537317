#include "doctor/report.h"

#include <cmath>

namespace ix::cli::doctor {
namespace {

constexpr int kFormat = 1;

// Every string in it, at any depth; names of fields are our own.
void remove_private(Json& json, const PrivateData& private_data) {
  if (json.is_string()) json = private_data.remove_from(json.get<std::string>());
  if (!json.is_structured()) return;
  for (auto& value : json) remove_private(value, private_data);
}

Json step_json(const StepReport& report) {
  return {{"id", report.step->id},
          {"title", report.step->title},
          {"state", to_text(report.result.state)},
          {"expected", report.step->expected},
          {"got", report.result.got},
          {"advice", report.result.state == StepState::failed ? Json(report.step->advice) : Json()},
          {"seconds", std::round(report.seconds * 1000) / 1000},
          {"limit_seconds", report.step->limit.count()},
          {"details", report.result.details.is_null() ? Json::object() : report.result.details}};
}

Json device_json(const ReportHeader& header, const Examination& examination) {
  if (header.device.empty()) return nullptr;
  return {{"name", header.device},
          {"description", examination.description},
          {"cores", examination.cores},
          {"versions", Json(examination.versions)}};
}

}  // namespace

Json to_json(const ReportHeader& header, const HostSummary& host, const Examination& examination,
             const PrivateData& private_data) {
  Json environment = Json::object();
  for (const auto& [name, value] : neuron_environment()) environment[name] = value;
  Json steps = Json::array();
  for (const StepReport& report : examination.steps) steps.push_back(step_json(report));
  Json out{{"report", "ix doctor"},
           {"format", kFormat},
           {"ix", {{"version", header.version}, {"commit", header.commit}}},
           {"host", to_json(host)},
           {"device", device_json(header, examination)},
           {"environment", std::move(environment)},
           {"passed", examination.passed()},
           {"interrupted", examination.interrupted},
           {"steps", std::move(steps)}};
  remove_private(out, private_data);
  return out;
}

}  // namespace ix::cli::doctor
