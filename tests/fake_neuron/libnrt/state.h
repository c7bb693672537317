// The fake library's only state.
#pragma once

#include <atomic>
#include <map>
#include <memory>
#include <mutex>
#include <set>
#include <string>
#include <vector>

#include "backend/neuron/nrt/nrt_abi.h"
#include "fake_neuron/libnrt/core_ownership.h"
#include "fake_neuron/libnrt/device_memory.h"
#include "fake_neuron/libnrt/log.h"
#include "fake_neuron/libnrt/program.h"
#include "fake_neuron/libnrt/script.h"
#include "fake_neuron/libnrt/settings.h"

namespace ix::fake_nrt {

using backend::neuron::nrt::StatusValue;

// Statuses that the fake gives by itself (nrt_status.h of SDK 2.28).
inline constexpr StatusValue kSuccess = 0;
inline constexpr StatusValue kFailure = 1;
inline constexpr StatusValue kInvalid = 2;
inline constexpr StatusValue kInvalidHandle = 3;
inline constexpr StatusValue kResource = 4;
inline constexpr StatusValue kTimeout = 5;
inline constexpr StatusValue kUnsupportedNeff = 10;
inline constexpr StatusValue kUninitialized = 13;
inline constexpr StatusValue kClosed = 14;
inline constexpr StatusValue kBadInput = 1002;
inline constexpr StatusValue kStuckInCollective = 1200;

struct FakeTensor {
  std::string name;
  int core;
  std::shared_ptr<Storage> storage;  // null = nothing attached
  size_t offset = 0;                 // a slice's place in its storage
  size_t size = 0;

  std::byte* bytes() const { return storage->bytes() + offset; }
};

// Bare pointers, as in the library.
struct FakeSet {
  std::map<std::string, FakeTensor*> tensors;
};

struct FakeModel {
  std::shared_ptr<Program> program;
  int core;
  int rank;
  uint64_t device_bytes;  // code and rings
};

struct FakeCore {
  std::mutex executing;              // one program at a time
  std::atomic<StatusValue> lost{0};  // what every later execution gives
};

struct State {
  std::mutex mutex;  // of what follows, up to the blank line
  enum class Phase { before, open, closed } phase = Phase::before;
  std::set<FakeTensor*> tensors;
  std::set<FakeSet*> sets;
  std::set<FakeModel*> models;

  Settings settings;
  Log log;
  Script script;
  DeviceMemory memory;
  CoreOwnership ownership;
  Programs programs;
  std::vector<std::unique_ptr<FakeCore>> cores;
  int64_t timeout_seconds = 0;
  std::map<int, std::unique_ptr<Gathering<std::string>>> loads;  // by number of ranks
};

// Made by the first call, never destroyed: threads may hang in it when the process ends.
State& state();

// Counts the call and does what the script says. Not kSuccess = give that to the caller.
StatusValue enter(const char* function, int core = -1);

// kSuccess between nrt_init and nrt_close; else what the library gives. Takes the state's mutex.
StatusValue check_open();

[[noreturn]] void hang();

}  // namespace ix::fake_nrt
