#include "chat_loop.h"

#include <fmt/format.h>

#include <cstdio>
#include <optional>
#include <string>

#include "conversation.h"
#include "generation.h"
#include "interrupt.h"
#include "line_editor.h"
#include "prompt_source.h"
#include "report.h"
#include "terminal.h"

namespace ix::cli {
namespace {

constexpr const char* kHelp =
    "/help    this list\n"
    "/clear   forget the conversation\n"
    "/exit    leave (also Ctrl-D)\n"
    "Ctrl-C   stops the answer; once more, leaves\n"
    "Up and Down bring earlier lines back; a line that ends in \\ goes on in the next.\n";

class Chat {
 public:
  Chat(Session& session, const RunOptions& options, const chat::ChatTemplate& chat_template)
      : session_(session),
        options_(options),
        conversation_(session.tokenizer(), chat_template, options.system_prompt) {}

  int run() {
    print_text(fmt::format("{}: /help lists what you can type.\n", options_.session.model));
    while (const std::optional<std::string> line = read_turn()) {
      if (line->empty()) continue;
      if (line->front() == '/') {
        if (!obey(*line)) break;
        continue;
      }
      answer(*line);
      if (options_.single_turn) break;
    }
    fmt::print(stderr, "{}\n", summary(total_, options_.sampling.seed));
    return kExitOk;
  }

 private:
  // A turn, with continued lines joined; nothing when the chat is over.
  std::optional<std::string> read_turn() {
    std::string turn;
    while (true) {
      const LineEditor::Input input = editor_.read(turn.empty() ? "> " : "  ");
      if (input.end == LineEditor::End::end_of_input) return std::nullopt;
      if (input.end == LineEditor::End::interrupt) {
        const bool nothing_typed = input.line.empty() && turn.empty();
        if (nothing_typed && after_interrupt_) return std::nullopt;
        after_interrupt_ = nothing_typed;
        if (nothing_typed) print_text("Ctrl-C again or Ctrl-D leaves.\n");
        turn.clear();
        continue;
      }
      after_interrupt_ = false;
      turn += input.line;
      if (turn.empty() || turn.back() != '\\') return turn;
      turn.back() = '\n';
    }
  }

  // False when the chat is over.
  bool obey(const std::string& command) {
    if (command == "/exit" || command == "/quit") return false;
    if (command == "/help") {
      print_text(kHelp);
    } else if (command == "/clear") {
      conversation_.clear();
      print_text("The conversation is forgotten.\n");
    } else {
      print_text(fmt::format("unknown command {}; /help lists them\n", command));
    }
    return true;
  }

  void answer(const std::string& text) {
    if (Status status = check_utf8(text, "the line"); !status.ok()) {
      print_error(status.message());
      return;
    }
    conversation_.add_user(text);
    Result<Generation> answer = generate_answer();
    if (!answer.ok()) {
      conversation_.drop_last();
      print_error(answer.status().message());
      return;
    }
    if (answer->text.empty() || answer->text.back() != '\n') print_text("\n");
    if (answer->finish == engine::FinishReason::context) {
      print_text("(the context is full: /clear begins anew)\n");
    }
    total_ += answer->measured;
    conversation_.add_assistant(std::move(answer->text));
  }

  Result<Generation> generate_answer() {
    engine::Request request = make_request(options_, session_.tokenizer());
    IX_ASSIGN_OR_RETURN(request.prompt, conversation_.tokens());
    auto answer = generate(
        session_.engine(), std::move(request), [](std::string_view text) { print_text(text); },
        [this] { return interrupt_.pending(); });
    after_interrupt_ = interrupt_.take();
    return answer;
  }

  Session& session_;
  const RunOptions& options_;
  Conversation conversation_;
  LineEditor editor_;
  InterruptGuard interrupt_;
  Measurements total_;
  bool after_interrupt_ = false;  // the last thing typed was Ctrl-C
};

}  // namespace

int chat_loop(Session& session, const RunOptions& options,
              const chat::ChatTemplate& chat_template) {
  return Chat(session, options, chat_template).run();
}

}  // namespace ix::cli
