// The tiny models that tests/oracle writes at build time, and the logits the oracle has for them.
// Link ix_tiny_models.
#pragma once

#include <array>
#include <cstdint>
#include <fstream>
#include <sstream>
#include <string>
#include <string_view>
#include <vector>

#include "base/check.h"
#include "base/types.h"
#include "support/paths.h"

namespace ix::tiny {

// Names of the cases, as in cases.txt (model_test checks that none is missing). All have 40
// positions, a vocabulary of 320 and a window of 8 where they have one.
inline constexpr std::array kCases = {
    "llama-f32",      "llama-linear-f32", "llama-yarn-f32", "llama-bias-f16", "llama-q4km",
    "llama-types",    "qwen2-f32",        "qwen2-q5q8",     "qwen3-f32",      "qwen3-q4km",
    "gemma2-f32",     "gemma2-q4km",      "gemma3-f32",     "gemma3-q5q8",    "phi3-f32",
    "phi3-f32-short", "phi3-q4km"};

struct Case {
  std::string name;
  std::string path;            // of the model
  bool all_f32 = false;        // no tensor of another type
  int64_t context_length = 0;  // BuildOptions::context_length
  int64_t vocab = 0;
  std::vector<TokenId> tokens;  // at positions 0, 1, ...
  std::vector<float> logits;    // [tokens, vocab], computed in float64
};

// The path of a model: tiny_path("llama-f32").
inline std::string tiny_path(std::string_view model) {
  return paths::tiny_models() + "/" + std::string(model) + ".gguf";
}

// Every case of cases.txt, without logits.
inline std::vector<Case> read_cases() {
  std::ifstream file(paths::tiny_models() + "/cases.txt");
  IX_CHECK(file.good());
  std::vector<Case> cases;
  for (std::string line; std::getline(file, line);) {
    std::istringstream fields(line);
    Case item;
    std::string model;
    std::string kind;
    fields >> item.name >> model >> kind >> item.context_length >> item.vocab;
    IX_CHECK(!fields.fail());
    item.path = tiny_path(model);
    item.all_f32 = kind == "f32";
    for (TokenId token; fields >> token;) item.tokens.push_back(token);
    cases.push_back(std::move(item));
  }
  return cases;
}

// One case with its logits.
inline Case load_case(std::string_view name) {
  for (Case& item : read_cases()) {
    if (item.name != name) continue;
    item.logits.resize(item.tokens.size() * static_cast<size_t>(item.vocab));
    std::ifstream file(paths::tiny_models() + "/" + item.name + ".logits", std::ios::binary);
    file.read(reinterpret_cast<char*>(item.logits.data()),
              static_cast<std::streamsize>(item.logits.size() * sizeof(float)));
    IX_CHECK(file.good());
    return std::move(item);
  }
  IX_CHECK(!"no such tiny case");
  return {};
}

}  // namespace ix::tiny
