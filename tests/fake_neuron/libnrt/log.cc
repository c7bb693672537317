#include "fake_neuron/libnrt/log.h"

#include <cstdio>
#include <cstdlib>
#include <fstream>

namespace ix::fake_nrt {

void Log::open(const std::string& path) {
  const std::lock_guard lock(mutex_);
  path_ = path;
}

void Log::call(const std::string& text) { write(text, false); }
void Log::error(const std::string& text) { write("ERROR " + text, true); }
void Log::complain(const std::string& text) { write("COMPLAINT " + text, true); }

void Log::write(const std::string& text, bool important) {
  const std::lock_guard lock(mutex_);
  if (!path_.empty()) {
    std::ofstream(path_, std::ios::app) << text << '\n';
  } else if (important) {
    std::fprintf(stderr, "fake libnrt: %s\n", text.c_str());
  }
}

void violation(const std::string& text) {
  std::fprintf(stderr, "fake libnrt: VIOLATION %s\n", text.c_str());
  std::abort();
}

}  // namespace ix::fake_nrt
