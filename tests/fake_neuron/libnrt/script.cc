#include "fake_neuron/libnrt/script.h"

#include <climits>
#include <cstdlib>
#include <fstream>
#include <sstream>

#include "backend/neuron/nrt/nrt_status.h"
#include "fake_neuron/libnrt/log.h"

namespace ix::fake_nrt {
namespace {

std::optional<int> status_value(const std::string& text) {
  for (const auto& known : backend::neuron::nrt::known_statuses()) {
    if (text == known.name) return known.value;
  }
  char* end = nullptr;
  const long value = std::strtol(text.c_str(), &end, 10);
  if (text.empty() || *end != '\0') return std::nullopt;
  return static_cast<int>(value);
}

}  // namespace

void Script::open(const std::string& path) {
  const std::lock_guard lock(mutex_);
  lines_.clear();
  calls_.clear();
  if (path.empty()) return;
  std::ifstream file(path);
  if (!file) violation("FAKE_NRT_SCRIPT cannot be read: " + path);
  for (std::string text; std::getline(file, text);) {
    text = text.substr(0, text.find('#'));
    if (text.find_first_not_of(" \t") != std::string::npos) lines_.push_back(parse(text));
  }
}

Script::Line Script::parse(const std::string& text) {
  std::istringstream words(text);
  std::string function;
  std::string nth;
  std::string action;
  words >> function >> nth >> action;
  Line line;
  const size_t at = function.find('@');
  line.function = function.substr(0, at);
  line.core = at == std::string::npos ? -1 : std::atoi(function.c_str() + at + 1);
  line.first = nth == "*" ? 1 : std::atoi(nth.c_str());
  line.last = nth == "*" || nth.ends_with('+') ? INT_MAX : line.first;
  if (action == "hang") {
    line.action = {Action::Kind::hang, 0};
  } else if (action == "wrong") {
    line.action = {Action::Kind::wrong, kWrongResult};
    if (line.function != "nrt_execute") line.first = 0;
  } else if (action.starts_with("delay:")) {
    line.action = {Action::Kind::delay, std::atoi(action.c_str() + 6)};
  } else if (const auto value = status_value(action)) {
    line.action = {Action::Kind::fail, *value};
  } else {
    line.first = 0;
  }
  if (line.first < 1) violation("FAKE_NRT_SCRIPT has a line that is none: " + text);
  return line;
}

std::optional<Action> Script::next(const std::string& function, int core) {
  const std::lock_guard lock(mutex_);
  const int call = ++calls_[{function, -1}];
  const int call_of_core = core < 0 ? 0 : ++calls_[{function, core}];
  for (const Line& line : lines_) {
    if (line.function != function || (line.core >= 0 && line.core != core)) continue;
    const int count = line.core >= 0 ? call_of_core : call;
    if (count >= line.first && count <= line.last) return line.action;
  }
  return std::nullopt;
}

}  // namespace ix::fake_nrt
