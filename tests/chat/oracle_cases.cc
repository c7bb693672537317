#include "chat/oracle_cases.h"

#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <cstdlib>
#include <filesystem>
#include <fstream>

namespace ix::chat {
namespace {

RenderInput read_input(const Json& json) {
  RenderInput input;
  input.messages = json.at("messages");
  input.tools = json.at("tools");
  input.add_generation_prompt = json.at("add_generation_prompt").get<bool>();
  input.bos_token = json.at("bos_token").get<std::string>();
  input.eos_token = json.at("eos_token").get<std::string>();
  input.extra = json.at("extra");
  input.now = json.at("now").get<std::time_t>();
  return input;
}

OracleCase read_case(const Json& json) {
  OracleCase read;
  read.name = json.at("name").get<std::string>();
  read.source = json.at("source").get<std::string>();
  read.input = read_input(json.at("input"));
  read.fails = json.contains("error");
  read.own_words = json.value("own_words", false);
  read.expected = json.at(read.fails ? "error" : "output").get<std::string>();
  return read;
}

Result<std::string> render(const OracleCase& given) {
  Result<ChatTemplate> parsed = ChatTemplate::parse(given.source);
  if (!parsed.ok()) return parsed.status();
  return parsed->render(given.input);
}

// The neighbourhood of the first difference.
std::string first_difference(const std::string& expected, const std::string& actual) {
  auto [left, right] =
      std::mismatch(expected.begin(), expected.end(), actual.begin(), actual.end());
  auto at = static_cast<size_t>(left - expected.begin());
  size_t from = at < 40 ? 0 : at - 40;
  return fmt::format(
      "at byte {}: expected {}, got {}", at,
      Json(expected.substr(from, 100)).dump(-1, ' ', false, Json::error_handler_t::replace),
      Json(actual.substr(from, 100)).dump(-1, ' ', false, Json::error_handler_t::replace));
}

}  // namespace

std::vector<OracleCase> run_oracle(const std::string& kind, const std::string& source) {
  const auto out = std::filesystem::temp_directory_path() /
                   fmt::format("ix-chat-oracle-{}-{}.json", kind, getpid());
  const std::string command = fmt::format("'{}' '{}' {} '{}' '{}'", IX_PYTHON, IX_RENDER_ORACLE,
                                          kind, source, out.string());
  std::vector<OracleCase> cases;
  if (std::system(command.c_str()) != 0) return cases;
  std::ifstream file(out);
  Json json = Json::parse(file, nullptr, /*allow_exceptions=*/false);
  std::filesystem::remove(out);
  if (!json.is_array()) return cases;
  for (const Json& entry : json) cases.push_back(read_case(entry));
  return cases;
}

std::string difference(const OracleCase& expected) {
  Result<std::string> actual = render(expected);
  if (!actual.ok()) {
    const std::string message = actual.status().message();
    if (!expected.fails) return fmt::format("fails: {}", message);
    if (expected.own_words && message != expected.expected) {
      return fmt::format("says '{}' instead of '{}'", message, expected.expected);
    }
    return {};
  }
  if (expected.fails) {
    return fmt::format("gives '{}', where Python fails with {}", actual->substr(0, 100),
                       expected.expected);
  }
  return *actual == expected.expected ? "" : first_difference(expected.expected, *actual);
}

}  // namespace ix::chat
