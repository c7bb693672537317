#include "support/system_call_counter.h"

#include <linux/filter.h>
#include <linux/seccomp.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <ucontext.h>
#include <unistd.h>

#include <atomic>
#include <cerrno>
#include <cstddef>

#include "base/check.h"

namespace ix::testing {
namespace {

constexpr int kNumbers = 1024;  // system call numbers are below 500; larger ones count as the last

std::atomic<int64_t>* counts = nullptr;  // [kNumbers], shared with the child

void set_result(ucontext_t& context, int64_t value) {
#if defined(__x86_64__)
  context.uc_mcontext.gregs[REG_RAX] = value;
#elif defined(__aarch64__)
  context.uc_mcontext.regs[0] = static_cast<uint64_t>(value);
#else
#error "where is the result of a system call?"
#endif
}

void on_trap(int /*signal*/, siginfo_t* info, void* context) {
  const int number = info->si_syscall;
  counts[number >= 0 && number < kNumbers ? number : kNumbers - 1].fetch_add(1);
  set_result(*static_cast<ucontext_t*>(context), -ENOSYS);
}

// For every thread of the process.
void trap_all_but(std::vector<int> allowed) {
  struct sigaction action {};
  action.sa_sigaction = on_trap;
  action.sa_flags = SA_SIGINFO;
  IX_CHECK(sigaction(SIGSYS, &action, nullptr) == 0);

  allowed.push_back(SYS_rt_sigreturn);
  allowed.push_back(SYS_exit_group);
  std::vector<sock_filter> filter = {
      BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(seccomp_data, nr))};
  for (const int number : allowed) {
    filter.push_back(BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, static_cast<uint32_t>(number), 0, 1));
    filter.push_back(BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW));
  }
  filter.push_back(BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_TRAP));
  const sock_fprog program{.len = static_cast<unsigned short>(filter.size()),
                           .filter = filter.data()};
  IX_CHECK(prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0);
  IX_CHECK(syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, SECCOMP_FILTER_FLAG_TSYNC, &program) == 0);
}

}  // namespace

std::optional<std::map<int, int64_t>> count_system_calls(const std::function<Work()>& prepare,
                                                         const std::vector<int>& allowed) {
  constexpr size_t kBytes = kNumbers * sizeof(*counts);
  void* shared = mmap(nullptr, kBytes, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
  IX_CHECK(shared != MAP_FAILED);
  counts = static_cast<std::atomic<int64_t>*>(shared);  // zeros
  const pid_t child = fork();
  IX_CHECK(child >= 0);
  if (child == 0) {
    const Work work = prepare();
    trap_all_but(allowed);
    work();
    syscall(SYS_exit_group, 0);
  }
  int status = 0;
  IX_CHECK(waitpid(child, &status, 0) == child);
  std::optional<std::map<int, int64_t>> out;
  if (WIFEXITED(status) && WEXITSTATUS(status) == 0) {
    out.emplace();
    for (int number = 0; number < kNumbers; ++number) {
      if (counts[number] != 0) (*out)[number] = counts[number];
    }
  }
  munmap(shared, kBytes);
  counts = nullptr;
  return out;
}

}  // namespace ix::testing
