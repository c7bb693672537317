#include "chat/chat_template.h"

#include <fmt/format.h>

#include <exception>

#include "chat/interpreter.h"
#include "chat/parser.h"

namespace ix::chat {
namespace {

// The longest known template has 60 KiB.
constexpr size_t kMaxSourceBytes = 4 << 20;

void define_variables(jinja::Interpreter& interpreter, const RenderInput& input) {
  jinja::Runtime& runtime = interpreter.runtime();
  interpreter.define("messages", runtime.from_json(input.messages));
  interpreter.define("tools", runtime.from_json(input.tools));
  interpreter.define("documents", jinja::Value());
  interpreter.define("add_generation_prompt", jinja::Value::boolean(input.add_generation_prompt));
  interpreter.define("bos_token", runtime.string(input.bos_token));
  interpreter.define("eos_token", runtime.string(input.eos_token));
  if (!input.extra.is_object()) return;
  for (const auto& [name, value] : input.extra.items()) {
    interpreter.define(name, runtime.from_json(value));
  }
}

Status to_status(const jinja::TemplateError& error, int line) {
  if (error.own_words) return {error.code, error.message};
  return {error.code, fmt::format("chat template, line {}: {}", line, error.message)};
}

}  // namespace

struct ChatTemplate::Program {
  jinja::Body body;
};

ChatTemplate::ChatTemplate(std::unique_ptr<Program> program) : program_(std::move(program)) {}
ChatTemplate::~ChatTemplate() = default;
ChatTemplate::ChatTemplate(ChatTemplate&&) noexcept = default;
ChatTemplate& ChatTemplate::operator=(ChatTemplate&&) noexcept = default;

Result<ChatTemplate> ChatTemplate::parse(std::string_view source) {
  if (source.size() > kMaxSourceBytes) {
    return resource_exhausted(fmt::format("chat template of {} bytes; at most {} are read",
                                          source.size(), kMaxSourceBytes));
  }
  try {
    Result<jinja::Body> body = jinja::parse_template(source);
    if (!body.ok()) return body.status().with_context("chat template");
    auto program = std::make_unique<Program>();
    program->body = std::move(*body);
    return ChatTemplate(std::move(program));
  } catch (const std::bad_alloc&) {
    return resource_exhausted("no memory to parse the chat template");
  } catch (const std::exception& error) {
    return internal_error(fmt::format("parsing the chat template: {}", error.what()));
  }
}

Result<std::string> ChatTemplate::render(const RenderInput& input,
                                         const RenderLimits& limits) const {
  try {
    jinja::Runtime runtime(limits, input.now);
    jinja::Interpreter interpreter(runtime);
    try {
      define_variables(interpreter, input);
      return interpreter.run(program_->body);
    } catch (const jinja::TemplateError& error) {
      return to_status(error, interpreter.line());
    }
  } catch (const jinja::TemplateError& error) {
    return to_status(error, 1);
  } catch (const std::bad_alloc&) {
    return resource_exhausted("no memory to render the chat template");
  } catch (const std::exception& error) {
    return internal_error(fmt::format("rendering the chat template: {}", error.what()));
  }
}

}  // namespace ix::chat
