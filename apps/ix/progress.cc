#include "progress.h"

#include <fmt/format.h>

#include <cstdio>

#include "terminal.h"

namespace ix::cli {
namespace {

constexpr auto kInterval = std::chrono::milliseconds(50);

}  // namespace

StatusLine::StatusLine() : enabled_(stderr_is_terminal()) {}

StatusLine::~StatusLine() { clear(); }

void StatusLine::show(std::string_view text) {
  if (!enabled_) return;
  shown_ = true;
  fmt::print(stderr, "\r\x1b[K{}", text);
  std::fflush(stderr);
}

void StatusLine::clear() {
  if (shown_) std::fputs("\r\x1b[K", stderr);
  shown_ = false;
}

void LoadingLine::update(void* context, int64_t done, int64_t total) {
  static_cast<LoadingLine*>(context)->show(done, total);
}

void LoadingLine::show(int64_t done, int64_t total) {
  const auto now = std::chrono::steady_clock::now();
  if (!line_.enabled() || total <= 0 || now - last_ < kInterval) return;
  last_ = now;
  line_.show(fmt::format("{} {:3d} % of {} MB", what_, done * 100 / total, total / 1'000'000));
}

}  // namespace ix::cli
