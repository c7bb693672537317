// Tensors and tensor sets.
#include <fstream>

#include "fake_neuron/libnrt/exports.h"
#include "fake_neuron/libnrt/state.h"

namespace ix::fake_nrt {
namespace {

// The library keeps tensors in host memory up to this size only.
constexpr size_t kHostTensorBytes = size_t{4} << 20;

// Aborts for what was never made or has been freed. Under the state's mutex.
FakeTensor* known(const Tensor* tensor) {
  auto* found = reinterpret_cast<FakeTensor*>(const_cast<Tensor*>(tensor));
  if (!state().tensors.contains(found)) violation("use of a tensor that is not there");
  return found;
}

FakeSet* known_set(TensorSet* set) {
  auto* found = static_cast<FakeSet*>(set);
  if (!state().sets.contains(found)) violation("use of a tensor set that is not there");
  return found;
}

bool inside(const FakeTensor& tensor, size_t offset, size_t size) {
  return tensor.storage != nullptr && offset <= tensor.size && size <= tensor.size - offset;
}

Tensor* add(FakeTensor tensor) {
  auto* made = new FakeTensor(std::move(tensor));
  state().tensors.insert(made);
  return reinterpret_cast<Tensor*>(made);
}

void note_hash(const FakeTensor& tensor) {
  const std::string& path = state().settings.hashes;
  if (path.empty() || tensor.storage == nullptr || tensor.size != tensor.storage->size()) return;
  const std::optional<uint32_t> crc = tensor.storage->crc();
  std::ofstream(path, std::ios::app)
      << tensor.name << ' ' << tensor.core << ' ' << tensor.size << ' '
      << (crc.has_value() ? std::to_string(*crc) : "unknown") << '\n';
}

// Injections and the state of the library, for calls on a tensor.
StatusValue enter_open(const char* function, int core = -1) {
  if (const StatusValue injected = enter(function, core)) return injected;
  return check_open();
}

int core_of(const Tensor* tensor) {
  const std::lock_guard lock(state().mutex);
  return known(tensor)->core;
}

}  // namespace

StatusValue nrt_tensor_allocate(Placement placement, int core, size_t size, const char* name,
                                Tensor** tensor) {
  if (const StatusValue refused = enter_open("nrt_tensor_allocate", core)) return refused;
  State& s = state();
  const bool on_device = placement == Placement::device;
  if (placement == Placement::virtual_memory && s.settings.version.at_least(32, 31))
    return kInvalid;
  if (size == 0 || (!on_device && size >= kHostTensorBytes)) return kInvalid;
  if (core < 0 || core >= static_cast<int>(s.cores.size())) return kInvalid;
  std::shared_ptr<Storage> storage = s.memory.allocate(core, size);
  if (storage == nullptr) {
    s.log.error("nrt_tensor_allocate: core " + std::to_string(core) + " lacks " +
                std::to_string(size) + " bytes");
    return kResource;
  }
  const std::lock_guard lock(s.mutex);
  *tensor = add({name != nullptr ? name : "", core, std::move(storage), 0, size});
  return kSuccess;
}

StatusValue nrt_tensor_allocate_empty(const char* name, Tensor** tensor) {
  if (const StatusValue refused = enter_open("nrt_tensor_allocate_empty")) return refused;
  const std::lock_guard lock(state().mutex);
  *tensor = add({name != nullptr ? name : "", 0, nullptr, 0, 0});
  return kSuccess;
}

StatusValue nrt_tensor_attach_buffer(Tensor* tensor, void*, size_t) {
  if (const StatusValue refused = enter_open("nrt_tensor_attach_buffer")) return refused;
  const std::lock_guard lock(state().mutex);
  known(tensor);
  return kInvalid;  // virtual memory: gone since 2.32.31, and never on this device
}

StatusValue nrt_tensor_allocate_slice(const Tensor* source, size_t offset, size_t size,
                                      const char* name, Tensor** slice) {
  if (const StatusValue refused = enter_open("nrt_tensor_allocate_slice")) return refused;
  const std::lock_guard lock(state().mutex);
  const FakeTensor* from = known(source);
  if (size == 0 || !inside(*from, offset, size)) return kInvalid;
  *slice =
      add({name != nullptr ? name : "", from->core, from->storage, from->offset + offset, size});
  return kSuccess;
}

void nrt_tensor_free(Tensor** tensor) {
  enter("nrt_tensor_free");
  State& s = state();
  const std::lock_guard lock(s.mutex);
  FakeTensor* found = known(*tensor);
  for (const FakeSet* set : s.sets) {
    for (const auto& [name, held] : set->tensors) {
      if (held == found) violation("a tensor is freed while a set holds it as " + name);
    }
  }
  note_hash(*found);
  s.tensors.erase(found);
  delete found;
  *tensor = nullptr;
}

StatusValue nrt_tensor_read(const Tensor* tensor, void* bytes, size_t offset, size_t size) {
  if (const StatusValue refused = enter_open("nrt_tensor_read", core_of(tensor))) return refused;
  FakeTensor from;
  {
    const std::lock_guard lock(state().mutex);
    from = *known(tensor);
  }
  if (!inside(from, offset, size)) return kInvalid;
  if (from.storage->bytes() == nullptr) {
    state().log.error("nrt_tensor_read: only hashes are kept");
    return kFailure;
  }
  std::copy_n(from.bytes() + offset, size, static_cast<std::byte*>(bytes));
  return kSuccess;
}

StatusValue nrt_tensor_write(Tensor* tensor, const void* bytes, size_t offset, size_t size) {
  if (const StatusValue refused = enter_open("nrt_tensor_write", core_of(tensor))) return refused;
  FakeTensor to;
  {
    const std::lock_guard lock(state().mutex);
    to = *known(tensor);
  }
  if (!inside(to, offset, size)) return kInvalid;
  to.storage->write(to.offset + offset, {static_cast<const std::byte*>(bytes), size});
  return kSuccess;
}

StatusValue nrt_tensor_memset(Tensor* tensor, uint64_t offset, int value, size_t size) {
  if (const StatusValue refused = enter_open("nrt_tensor_memset", core_of(tensor))) return refused;
  FakeTensor to;
  {
    const std::lock_guard lock(state().mutex);
    to = *known(tensor);
  }
  if (!inside(to, offset, size)) return kInvalid;
  to.storage->fill(to.offset + offset, value, size);
  return kSuccess;
}

StatusValue nrt_tensor_copy(const Tensor* source, size_t source_offset, Tensor* target,
                            size_t target_offset, size_t size) {
  if (const StatusValue refused = enter_open("nrt_tensor_copy", core_of(source))) return refused;
  const std::lock_guard lock(state().mutex);
  const FakeTensor* from = known(source);
  const FakeTensor* to = known(target);
  if (from->core != to->core || !inside(*from, source_offset, size) ||
      !inside(*to, target_offset, size)) {
    return kInvalid;
  }
  if (from->storage->bytes() == nullptr) return kFailure;
  to->storage->write(to->offset + target_offset, {from->bytes() + source_offset, size});
  return kSuccess;
}

size_t nrt_tensor_get_size(const Tensor* tensor) {
  const std::lock_guard lock(state().mutex);
  return known(tensor)->size;
}

void* nrt_tensor_get_va(const Tensor* tensor) {
  const std::lock_guard lock(state().mutex);
  const FakeTensor* found = known(tensor);
  const bool has_address = found->storage != nullptr && found->storage->bytes() != nullptr;
  return has_address ? found->bytes() : nullptr;
}

StatusValue nrt_memcpy_to_device(void*, const void*, size_t) {
  if (const StatusValue refused = enter_open("nrt_memcpy_to_device")) return refused;
  return kInvalid;  // takes addresses of the device, which the fake has not
}

StatusValue nrt_allocate_tensor_set(TensorSet** set) {
  if (const StatusValue refused = enter_open("nrt_allocate_tensor_set")) return refused;
  const std::lock_guard lock(state().mutex);
  auto* made = new FakeSet;
  state().sets.insert(made);
  *set = made;
  return kSuccess;
}

void nrt_destroy_tensor_set(TensorSet** set) {
  enter("nrt_destroy_tensor_set");
  const std::lock_guard lock(state().mutex);
  FakeSet* found = known_set(*set);
  state().sets.erase(found);
  delete found;
  *set = nullptr;
}

StatusValue nrt_add_tensor_to_tensor_set(TensorSet* set, const char* name, Tensor* tensor) {
  if (const StatusValue refused = enter_open("nrt_add_tensor_to_tensor_set")) return refused;
  const std::lock_guard lock(state().mutex);
  known_set(set)->tensors[name] = known(tensor);
  return kSuccess;
}

StatusValue nrt_get_tensor_from_tensor_set(TensorSet* set, const char* name, Tensor** tensor) {
  if (const StatusValue refused = enter_open("nrt_get_tensor_from_tensor_set")) return refused;
  const std::lock_guard lock(state().mutex);
  const auto& tensors = known_set(set)->tensors;
  const auto found = tensors.find(name);
  if (found == tensors.end()) return kFailure;
  *tensor = reinterpret_cast<Tensor*>(found->second);
  return kSuccess;
}

}  // namespace ix::fake_nrt
