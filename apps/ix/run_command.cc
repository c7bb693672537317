#include "run_command.h"

#include <fmt/format.h>

#include <cstdio>
#include <memory>
#include <optional>

#include "chat_loop.h"
#include "conversation.h"
#include "generation.h"
#include "interrupt.h"
#include "report.h"
#include "run_options.h"
#include "terminal.h"

namespace ix::cli {
namespace {

// The prompt's text, checked; nothing when a chat is to begin.
Result<std::optional<std::string>> checked_prompt(const RunOptions& options) {
  IX_RETURN_IF_ERROR(check_utf8(options.system_prompt, "the system prompt"));
  IX_ASSIGN_OR_RETURN(auto prompt, read_prompt(options.prompt));
  if (prompt) IX_RETURN_IF_ERROR(check_utf8(*prompt, "the prompt"));
  if (!prompt && (options.json || options.raw)) {
    return invalid_argument(fmt::format("{} needs a prompt: -p TEXT, -f FILE or a pipe",
                                        options.json ? "--json" : "--raw"));
  }
  for (const std::string& stop : options.stop) {
    if (stop.empty()) return invalid_argument("--stop must not be empty");
    IX_RETURN_IF_ERROR(check_utf8(stop, "the text of --stop"));
  }
  return prompt;
}

Result<std::vector<TokenId>> tokens_of(const Session& session, const RunOptions& options,
                                       const chat::ChatTemplate* chat_template,
                                       std::string prompt) {
  if (chat_template == nullptr) return prompt_tokens(session.tokenizer(), prompt);
  Conversation conversation(session.tokenizer(), *chat_template, options.system_prompt);
  conversation.add_user(std::move(prompt));
  return conversation.tokens();
}

int print_answer(const Session& session, const RunOptions& options, const Generation& answer) {
  if (options.json) {
    std::puts(
        to_json(answer, session.tokenizer(), session.load_ms(), options.logprobs >= 0).c_str());
    std::fflush(stdout);
  } else {
    if (answer.text.empty() || answer.text.back() != '\n') print_text("\n");
    fmt::print(stderr, "{}\n", summary(answer.measured, options.sampling.seed));
  }
  return answer.finish == engine::FinishReason::cancelled ? kExitInterrupt : kExitOk;
}

int answer_once(Session& session, const RunOptions& options,
                const chat::ChatTemplate* chat_template, std::string prompt) {
  engine::Request request = make_request(options, session.tokenizer());
  auto tokens = tokens_of(session, options, chat_template, std::move(prompt));
  if (!tokens.ok()) return report_failure(tokens.status());
  request.prompt = std::move(tokens).value();
  InterruptGuard interrupt;
  auto answer = generate(
      session.engine(), std::move(request),
      [&](std::string_view text) {
        if (!options.json) print_text(text);
      },
      [&] { return interrupt.pending(); });
  if (!answer.ok()) return report_failure(answer.status());
  return print_answer(session, options, *answer);
}

int run(RunOptions& options) {
  if (Status status = finish_sampling(options); !status.ok()) return report_failure(status);
  if (Status status = check_model_given(options.session.model); !status.ok()) {
    return report_failure(status);
  }
  auto prompt = checked_prompt(options);
  if (!prompt.ok()) return report_failure(prompt.status());
  auto session = Session::open(options.session);
  if (!session.ok()) return report_failure(session.status());

  std::optional<chat::ChatTemplate> chat_template;
  if (!options.raw) {
    auto loaded = load_template((*session)->file(), options.template_file);
    if (!loaded.ok()) return report_error(loaded.status());
    chat_template = std::move(loaded).value();
  }
  if (!chat_template && !options.system_prompt.empty()) {
    return report_failure(invalid_argument("--system-prompt needs a chat template: " +
                                           std::string(options.raw ? "leave --raw away"
                                                                   : "the model has none, give "
                                                                     "--chat-template-file")));
  }
  if (prompt->has_value()) {
    return answer_once(**session, options, chat_template ? &*chat_template : nullptr,
                       std::move(**prompt));
  }
  if (!chat_template) {
    return report_failure(
        invalid_argument("the model has no chat template: give a prompt with -p or -f"));
  }
  return chat_loop(**session, options, *chat_template);
}

}  // namespace

void add_run_command(const Command& app) {
  auto options = std::make_shared<RunOptions>();
  const Command command = app.add_command("run", "Answer a prompt, or chat in the terminal");
  add_run_flags(command, *options);
  command.footer(
      "The prompt is -p, or the file of -f, or what a pipe brings; with both -p and -f, the text\n"
      "of -p, a newline and the file (-f - is the pipe). It becomes one turn of a chat where the\n"
      "model has a chat template, and is continued as it is with --raw or without a template.\n"
      "Without a prompt on a terminal, a chat begins: /help there says more.\n"
      "\nExamples:\n"
      "  ix run -m model.gguf\n"
      "  ix run -m model.gguf -p \"Why is the sky blue?\" -n 128 --temp 0.7 -s 1\n"
      "  ix run -m model.gguf --raw -p \"Once upon a time\" -n 64 --greedy\n"
      "  ix run -m model.gguf -p \"Sum this up:\" -f - < notes.txt\n"
      "  ix run -m model.gguf -f question.txt --json --logprobs 3");
  command.action([options] { return run(*options); });
}

}  // namespace ix::cli
