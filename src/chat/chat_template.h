// Chat templates: a file's Jinja text and a conversation in, the prompt out.
#pragma once

#include <cstdint>
#include <ctime>
#include <memory>
#include <nlohmann/json.hpp>
#include <string>
#include <string_view>

#include "base/result.h"

namespace ix::chat {

// Keeps the order of keys, as Python's dict does.
using Json = nlohmann::ordered_json;

struct RenderLimits {
  int64_t max_steps = 2'000'000;  // statements and expressions evaluated
  int64_t max_output_bytes = 16 << 20;
  int64_t max_memory_bytes = 256 << 20;  // values alive at one time, the input included
  int max_depth = 200;                   // nesting of the source, of calls and of values
};

struct RenderInput {
  Json messages = Json::array();  // [{"role": ..., "content": ...}, ...] as in OpenAI's API
  Json tools;                     // array, or null for none
  bool add_generation_prompt = true;
  std::string bos_token;
  std::string eos_token;
  Json extra = Json::object();  // further variables ("enable_thinking", ...)
  std::time_t now = 0;          // what strftime_now reads; 0 = the clock
};

class ChatTemplate {
 public:
  // invalid_argument with the line for a template that does not parse.
  static Result<ChatTemplate> parse(std::string_view source);
  ~ChatTemplate();
  ChatTemplate(ChatTemplate&&) noexcept;
  ChatTemplate& operator=(ChatTemplate&&) noexcept;

  // invalid_argument with the template's own words for raise_exception, with the line for an error
  // while it runs; resource_exhausted where a limit is passed.
  Result<std::string> render(const RenderInput& input, const RenderLimits& limits = {}) const;

 private:
  struct Program;
  explicit ChatTemplate(std::unique_ptr<Program> program);
  std::unique_ptr<Program> program_;
};

}  // namespace ix::chat
