#include "generation.h"

#include <chrono>
#include <utility>

namespace ix::cli {
namespace {

using Clock = std::chrono::steady_clock;

double seconds(Clock::duration duration) { return std::chrono::duration<double>(duration).count(); }

double ratio(double amount, double seconds) { return seconds > 0 ? amount / seconds : 0; }

}  // namespace

Measurements& Measurements::operator+=(const Measurements& other) {
  prompt_tokens += other.prompt_tokens;
  answer_tokens += other.answer_tokens;
  answers += other.answers;
  to_first_seconds += other.to_first_seconds;
  after_first_seconds += other.after_first_seconds;
  return *this;
}

double Measurements::ttft_ms() const {
  return answers > 0 ? to_first_seconds * 1000 / static_cast<double>(answers) : 0;
}

double Measurements::prompt_tokens_per_second() const {
  return ratio(static_cast<double>(prompt_tokens), to_first_seconds);
}

double Measurements::tokens_per_second() const {
  return ratio(static_cast<double>(answer_tokens - answers), after_first_seconds);
}

Result<Generation> generate(engine::Engine& engine, engine::Request request,
                            FunctionRef<void(std::string_view)> on_text,
                            FunctionRef<bool()> stop_asked) {
  Generation out;
  out.measured.prompt_tokens = static_cast<int64_t>(request.prompt.size());
  const auto start = Clock::now();
  auto first = start;
  auto last = start;
  IX_ASSIGN_OR_RETURN(const engine::RequestId id, engine.submit(std::move(request)));
  bool cancelled = false;
  while (!engine.idle()) {
    if (!cancelled && stop_asked()) {
      engine.cancel(id);
      cancelled = true;
    }
    IX_ASSIGN_OR_RETURN(const auto events, engine.step());
    for (const engine::Event& event : events) {
      if (event.finish == engine::FinishReason::error) return event.error;
      if (event.token) {
        last = Clock::now();
        if (out.tokens.empty()) first = last;
        out.tokens.push_back(*event.token);
      }
      out.text += event.text;
      if (!event.text.empty()) on_text(event.text);
      if (event.finish) out.finish = *event.finish;
    }
  }
  out.measured.answer_tokens = static_cast<int64_t>(out.tokens.size());
  out.measured.answers = out.tokens.empty() ? 0 : 1;
  out.measured.to_first_seconds = seconds(first - start);
  out.measured.after_first_seconds = seconds(last - first);
  return out;
}

}  // namespace ix::cli
