// IX_CHECK: for our own bugs only. Input from outside is answered with a Status.
#pragma once

namespace ix {

[[noreturn]] void check_failed(const char* condition, const char* file, int line);

}  // namespace ix

#define IX_CHECK(condition) \
  (static_cast<bool>(condition) ? void(0) : ::ix::check_failed(#condition, __FILE__, __LINE__))
