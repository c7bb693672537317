// The C ABI of libnrt 2 (AWS Neuron runtime), declared by ourselves: LP64, little endian.
// Names are those of the library without "nrt_"; layouts are those of its public headers of
// SDK 2.28.
#pragma once

#include <cstddef>
#include <cstdint>

namespace ix::backend::neuron::nrt {

// NRT_STATUS. A number and not an enum: the set grows. nrt_status.h knows the values.
using StatusValue = int32_t;
inline constexpr StatusValue kSuccess = 0;

struct Model;            // nrt_model_t
struct Tensor;           // nrt_tensor_t
using TensorSet = void;  // nrt_tensor_set_t

// nrt_framework_type_t
enum class Framework : uint32_t {
  invalid = 0,
  none = 1,
  tensorflow = 2,
  pytorch = 3,
  mxnet = 4,
  precheck = 5,
};

// nrt_tensor_placement_t. Only `device` is safe with every version.
enum class Placement : uint32_t { device = 0, host = 1, virtual_memory = 2 };

// nrt_tensor_usage_t
enum class Usage : uint32_t { input = 0, output = 1 };

// Families of instances that have NeuronCores of version 2 as inf2 has
// (nrt_instance_info_t.family).
inline constexpr uint32_t kFamilyInf2 = 4;
inline constexpr uint32_t kFamilyInf2e = 7;

// nrt_version_t
struct Version {
  uint64_t major;
  uint64_t minor;
  uint64_t patch;
  uint64_t maintenance;
  char detail[128];
  char git_hash[64];
};
static_assert(sizeof(Version) == 224 && offsetof(Version, minor) == 8 &&
              offsetof(Version, patch) == 16 && offsetof(Version, maintenance) == 24 &&
              offsetof(Version, detail) == 32 && offsetof(Version, git_hash) == 160);

// nrt_instance_info_t. Libraries before 2.30 fill the first 8 bytes only.
struct InstanceInfo {
  uint32_t family;
  uint32_t size;
  char arch_name[16];
  char device_revision[8];
};
static_assert(sizeof(InstanceInfo) == 32 && offsetof(InstanceInfo, size) == 4 &&
              offsetof(InstanceInfo, arch_name) == 8 &&
              offsetof(InstanceInfo, device_revision) == 24);

// nrt_tensor_info_t. dtype was renumbered in SDK 2.28, so only name and size are to be trusted.
struct TensorInfo {
  char name[256];
  Usage usage;
  size_t size;  // bytes
  uint32_t dtype;
  uint32_t* shape;  // [ndim]
  uint32_t ndim;
};
static_assert(sizeof(TensorInfo) == 296 && offsetof(TensorInfo, usage) == 256 &&
              offsetof(TensorInfo, size) == 264 && offsetof(TensorInfo, dtype) == 272 &&
              offsetof(TensorInfo, shape) == 280 && offsetof(TensorInfo, ndim) == 288);

// nrt_tensor_info_array_t: tensor_count, then as many TensorInfo.
struct TensorInfoArray {
  uint64_t tensor_count;

  const TensorInfo* tensors() const { return reinterpret_cast<const TensorInfo*>(this + 1); }
};
static_assert(sizeof(TensorInfoArray) == 8 && alignof(TensorInfo) == 8);

// nrt_vnc_memory_stats_t. May grow at its end.
struct MemoryStats {
  size_t bytes_used;
  size_t bytes_limit;
};
static_assert(sizeof(MemoryStats) == 16 && offsetof(MemoryStats, bytes_limit) == 8);

// X(result, name, parameters). In the library since 2022, and needed to run programs.
#define IX_NRT_REQUIRED_FUNCTIONS(X)                                                             \
  X(StatusValue, init,                                                                           \
    (Framework framework, const char* framework_version, const char* fal_version))               \
  X(void, close, ())                                                                             \
  X(StatusValue, get_version, (Version * version, size_t size))                                  \
  X(StatusValue, get_total_nc_count, (uint32_t * count))                                         \
  X(StatusValue, get_visible_nc_count, (uint32_t * count))                                       \
  X(StatusValue, load,                                                                           \
    (const void* neff, size_t size, int32_t core, int32_t core_count, Model** model))            \
  X(StatusValue, load_collectives,                                                               \
    (const void* neff, size_t size, int32_t core, int32_t core_count, uint32_t rank,             \
     uint32_t ranks, Model** model))                                                             \
  X(StatusValue, unload, (Model * model))                                                        \
  X(StatusValue, get_model_tensor_info, (Model * model, TensorInfoArray * *info))                \
  X(StatusValue, free_model_tensor_info, (TensorInfoArray * info))                               \
  X(StatusValue, tensor_allocate,                                                                \
    (Placement placement, int core, size_t size, const char* name, Tensor** tensor))             \
  X(void, tensor_free, (Tensor * *tensor))                                                       \
  X(StatusValue, tensor_read, (const Tensor* tensor, void* bytes, size_t offset, size_t size))   \
  X(StatusValue, tensor_write, (Tensor * tensor, const void* bytes, size_t offset, size_t size)) \
  X(StatusValue, tensor_memset, (Tensor * tensor, uint64_t offset, int value, size_t size))      \
  X(StatusValue, allocate_tensor_set, (TensorSet * *set))                                        \
  X(void, destroy_tensor_set, (TensorSet * *set))                                                \
  X(StatusValue, add_tensor_to_tensor_set, (TensorSet * set, const char* name, Tensor* tensor))  \
  X(StatusValue, execute, (Model * model, const TensorSet* inputs, TensorSet* outputs))

// In the library since 2022, and not needed to run programs.
#define IX_NRT_OTHER_BASE_FUNCTIONS(X)                                                             \
  X(StatusValue, get_model_nc_count, (const Model* model, uint32_t* count))                        \
  X(StatusValue, get_model_instance_count, (Model * model, uint32_t * count))                      \
  X(StatusValue, tensor_allocate_empty, (const char* name, Tensor** tensor))                       \
  X(StatusValue, tensor_attach_buffer, (Tensor * tensor, void* buffer, size_t size))               \
  X(StatusValue, tensor_allocate_slice,                                                            \
    (const Tensor* source, size_t offset, size_t size, const char* name, Tensor** slice))          \
  X(size_t, tensor_get_size, (const Tensor* tensor))                                               \
  X(void*, tensor_get_va, (const Tensor* tensor))                                                  \
  X(StatusValue, get_tensor_from_tensor_set, (TensorSet * set, const char* name, Tensor** tensor)) \
  X(StatusValue, execute_repeat,                                                                   \
    (Model * model, const TensorSet* inputs, TensorSet* outputs, int repeat_count))                \
  X(StatusValue, trace_start, (bool trace_memory))                                                 \
  X(StatusValue, trace_stop, (const char* filename))                                               \
  X(StatusValue, profile_start, (Model * model, const char* filename))                             \
  X(StatusValue, profile_stop, (const char* filename))                                             \
  X(StatusValue, memcpy_to_device, (void* destination, const void* source, size_t size))

// Younger than 2022.
#define IX_NRT_OPTIONAL_FUNCTIONS(X)                                                   \
  X(StatusValue, get_instance_info, (InstanceInfo * info, size_t size))                \
  X(StatusValue, get_vnc_memory_stats,                                                 \
    (uint32_t core, MemoryStats * stats, size_t size_in, size_t * size_out))           \
  X(StatusValue, tensor_copy,                                                          \
    (const Tensor* source, size_t source_offset, Tensor* target, size_t target_offset, \
     size_t size))

// The library's entry points. Required ones are set, the others may be null.
struct Functions {
// NOLINTBEGIN(bugprone-macro-parentheses): types and parameter lists take no parentheses
#define IX_NRT_MEMBER(result, name, parameters) result(*name) parameters = nullptr;
  IX_NRT_REQUIRED_FUNCTIONS(IX_NRT_MEMBER)
  IX_NRT_OTHER_BASE_FUNCTIONS(IX_NRT_MEMBER)
  IX_NRT_OPTIONAL_FUNCTIONS(IX_NRT_MEMBER)
#undef IX_NRT_MEMBER
  // NOLINTEND(bugprone-macro-parentheses)
};

}  // namespace ix::backend::neuron::nrt
