// What one rendering owns: the counters behind its limits, and the making of values.
#pragma once

#include <ctime>
#include <string>
#include <string_view>

#include "chat/chat_template.h"
#include "chat/value.h"

namespace ix::chat::jinja {

class Runtime {
 public:
  Runtime(const RenderLimits& limits, std::time_t now) : limits_(limits), now_(now) {}
  ~Runtime();
  Runtime(const Runtime&) = delete;
  Runtime& operator=(const Runtime&) = delete;

  const RenderLimits& limits() const { return limits_; }
  std::time_t now() const { return now_; }

  void step(size_t count = 1);
  // Work over this many bytes, in steps of 64 bytes.
  void step_bytes(size_t bytes) { step(bytes / 64); }
  void take(size_t bytes);
  void give(size_t bytes) noexcept { live_bytes_ -= bytes; }
  // Fails where so many bytes more would pass the limit; to be asked before building something.
  void require(size_t bytes) const;
  void require_items(size_t count) const;
  void check_depth(int depth) const;

  Value string(std::string bytes, bool markup = false);
  Value string(std::string_view bytes) { return string(std::string(bytes)); }
  Value string(const char* bytes) { return string(std::string(bytes)); }
  Value undefined(std::string message);
  Value list(Values items, SequenceKind type = SequenceKind::list);
  Value tuple(Values items) { return list(std::move(items), SequenceKind::tuple); }
  Value range(int64_t start, int64_t stop, int64_t step);
  std::shared_ptr<DictObject> new_dict() { return std::make_shared<DictObject>(*this); }
  Value dict(std::shared_ptr<DictObject> dict);
  // Keeps a namespace until the end, when what it holds is let go.
  void adopt(std::shared_ptr<NamespaceObject> space);
  Value from_json(const Json& json, int depth = 0);

 private:
  RenderLimits limits_;
  std::time_t now_;
  int64_t steps_ = 0;
  size_t live_bytes_ = 0;
  std::vector<std::shared_ptr<NamespaceObject>> namespaces_;
};

// Memory that is taken for as long as this lives.
class MemoryHold {
 public:
  MemoryHold(Runtime& runtime, size_t bytes) : runtime_(runtime), bytes_(bytes) {
    runtime_.take(bytes_);
  }
  ~MemoryHold() { runtime_.give(bytes_); }
  MemoryHold(const MemoryHold&) = delete;
  MemoryHold& operator=(const MemoryHold&) = delete;

 private:
  Runtime& runtime_;
  size_t bytes_;
};

// Text under construction, counted against the memory limit while it grows.
class TextBuffer {
 public:
  explicit TextBuffer(Runtime& runtime) : runtime_(runtime) {}
  ~TextBuffer() { runtime_.give(taken_); }
  TextBuffer(const TextBuffer&) = delete;
  TextBuffer& operator=(const TextBuffer&) = delete;

  void append(std::string_view text);
  void append(size_t count, char c);
  size_t size() const { return text_.size(); }
  // The end of use: the text leaves.
  std::string release() { return std::move(text_); }

 private:
  void grow(size_t bytes);

  Runtime& runtime_;
  std::string text_;
  size_t taken_ = 0;
};

}  // namespace ix::chat::jinja
