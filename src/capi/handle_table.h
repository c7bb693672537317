// Handles: numbers that name objects and are never given out twice, dressed as pointers.
//
// A destroyed handle, one of another kind or any other pointer is found missing in the table;
// nothing is read through it.
#pragma once

#include <cstdint>
#include <memory>
#include <mutex>
#include <unordered_map>
#include <utility>
#include <vector>

namespace ix::capi {

// Handle: the incomplete C type. Object: what it names. kKind is different for every table.
template <typename Handle, typename Object, uintptr_t kKind>
class HandleTable {
 public:
  Handle* insert(std::shared_ptr<Object> object) {
    const std::lock_guard lock(mutex_);
    const uintptr_t id = next_;
    objects_.emplace(id, std::move(object));
    next_ += kStep;
    return reinterpret_cast<Handle*>(id);  // NOLINT(performance-no-int-to-ptr): never followed
  }

  // Null where there is no such object (any more).
  std::shared_ptr<Object> find(const Handle* handle) const {
    const std::lock_guard lock(mutex_);
    const auto found = objects_.find(reinterpret_cast<uintptr_t>(handle));
    return found == objects_.end() ? nullptr : found->second;
  }

  std::shared_ptr<Object> remove(const Handle* handle) {
    const std::lock_guard lock(mutex_);
    const auto found = objects_.find(reinterpret_cast<uintptr_t>(handle));
    if (found == objects_.end()) return nullptr;
    std::shared_ptr<Object> object = std::move(found->second);
    objects_.erase(found);
    return object;
  }

  std::vector<std::shared_ptr<Object>> remove_all() {
    const std::lock_guard lock(mutex_);
    std::vector<std::shared_ptr<Object>> all;
    all.reserve(objects_.size());
    for (auto& [id, object] : objects_) all.push_back(std::move(object));
    objects_.clear();
    return all;
  }

 private:
  static_assert(sizeof(uintptr_t) == 8, "numbers last for the life of a process");
  static constexpr uintptr_t kStep = 16;
  static_assert(kKind > 0 && kKind < kStep);

  mutable std::mutex mutex_;
  uintptr_t next_ = kStep + kKind;
  std::unordered_map<uintptr_t, std::shared_ptr<Object>> objects_;
};

}  // namespace ix::capi
