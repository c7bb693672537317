#include "progress.h"

#include <fmt/format.h>

#include <cstdio>

#include "terminal.h"

namespace ix::cli {
namespace {

constexpr auto kInterval = std::chrono::milliseconds(50);

}  // namespace

LoadingLine::LoadingLine() : enabled_(stderr_is_terminal()) {}

LoadingLine::~LoadingLine() {
  if (shown_) std::fputs("\r\x1b[K", stderr);
}

void LoadingLine::update(void* context, int64_t done, int64_t total) {
  static_cast<LoadingLine*>(context)->show(done, total);
}

void LoadingLine::show(int64_t done, int64_t total) {
  const auto now = std::chrono::steady_clock::now();
  if (!enabled_ || total <= 0 || now - last_ < kInterval) return;
  last_ = now;
  shown_ = true;
  fmt::print(stderr, "\rloading {:3d} % of {} MB", done * 100 / total, total / 1'000'000);
  std::fflush(stderr);
}

}  // namespace ix::cli
