#include "chat/access.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>

#include "chat/methods.h"
#include "chat/operations.h"
#include "chat/printing.h"
#include "chat/text.h"

namespace ix::chat::jinja {
namespace {

// modifies_known_mutable and the underscore rule of jinja2.sandbox.
bool is_unsafe(const Value& object, std::string_view name) {
  constexpr std::array<std::string_view, 8> kList = {"append", "clear", "pop",    "reverse",
                                                     "insert", "sort",  "extend", "remove"};
  constexpr std::array<std::string_view, 5> kDict = {"clear", "pop", "popitem", "setdefault",
                                                     "update"};
  if (object.is_sequence(SequenceKind::list)) {
    return std::find(kList.begin(), kList.end(), name) != kList.end();
  }
  if (object.is(Kind::dict)) return std::find(kDict.begin(), kDict.end(), name) != kDict.end();
  return false;
}

Value unsafe_undefined(Runtime& runtime, const Value& object, std::string_view name) {
  return runtime.undefined(
      fmt::format("access to attribute '{}' of '{}' object is unsafe.", name, type_name(object)));
}

Value missing(Runtime& runtime, const Value& object, const Value& key) {
  if (!key.is_string()) {
    return runtime.undefined(
        fmt::format("{} object has no element {}", type_name(object), to_repr(runtime, key)));
  }
  const char* prefix = object.is_none() ? "" : " object";
  std::string shown = object.is_none() ? "None" : type_name(object);
  return runtime.undefined(
      fmt::format("'{}{}' has no attribute {}", shown, prefix, to_repr(runtime, key)));
}

std::optional<Value> subscript(Runtime& runtime, const Value& object, const Value& key);

// The byte range of the code points [start, start + count) of a string.
std::string_view code_points(Runtime& runtime, const StringObject& text, size_t start,
                             size_t count) {
  std::string_view bytes = text.bytes;
  if (text.ascii()) return bytes.substr(start, count);
  runtime.step_bytes(bytes.size());
  bytes.remove_prefix(byte_offset(bytes, start));
  return bytes.substr(0, byte_offset(bytes, count));
}

std::optional<Value> subscript_by_position(Runtime& runtime, const Value& object,
                                           const Value& key) {
  if (!key.is_integral()) return std::nullopt;
  const bool text = object.is_string();
  if (!text && object.sequence().type > SequenceKind::range) return std::nullopt;
  const auto length =
      static_cast<int64_t>(text ? object.string().length : object.sequence().items.size());
  int64_t position = key.as_integer();
  if (position < 0) position += length;
  if (position < 0 || position >= length) return std::nullopt;
  const auto index = static_cast<size_t>(position);
  if (!text) return object.sequence().items[index];
  return runtime.string(std::string(code_points(runtime, object.string(), index, 1)),
                        object.string().markup);
}

// object[key], nullopt where Python raises TypeError or LookupError.
std::optional<Value> subscript(Runtime& runtime, const Value& object, const Value& key) {
  switch (object.kind()) {
    case Kind::undefined:
      fail(object.text());
    case Kind::string:
    case Kind::sequence:
      return subscript_by_position(runtime, object, key);
    case Kind::dict: {
      bool hashable = !(key.is(Kind::dict) || key.is_sequence(SequenceKind::list));
      const Value* found = !hashable         ? nullptr
                           : key.is_string() ? object.dict().find(key.text())
                                             : object.dict().find(key);
      if (found == nullptr) return std::nullopt;
      return *found;
    }
    default:
      return std::nullopt;
  }
}

struct SliceRange {
  int64_t start, stop, step, count;
};

int64_t clamp_bound(const Value& bound, int64_t length, int64_t step, int64_t absent) {
  if (bound.is_none()) return absent;
  if (!bound.is_integral()) {
    if (bound.is_undefined()) fail(bound.text());
    fail("slice indices must be integers or None or have an __index__ method");
  }
  int64_t position = bound.as_integer();
  if (position < 0) position += length;
  return std::clamp<int64_t>(position, step < 0 ? -1 : 0, step < 0 ? length - 1 : length);
}

SliceRange resolve_slice(int64_t length, const Value& start, const Value& stop,
                         const Value& step_value) {
  if (!step_value.is_none() && !step_value.is_integral()) {
    fail("slice indices must be integers or None or have an __index__ method");
  }
  int64_t step = step_value.is_none() ? 1 : step_value.as_integer();
  if (step == 0) fail("slice step cannot be zero");
  step = std::clamp<int64_t>(step, -INT64_MAX, INT64_MAX);
  int64_t first = clamp_bound(start, length, step, step < 0 ? length - 1 : 0);
  int64_t end = clamp_bound(stop, length, step, step < 0 ? -1 : length);
  int64_t distance = step < 0 ? first - end : end - first;
  int64_t stride = step < 0 ? -step : step;
  int64_t count = distance <= 0 ? 0 : (distance - 1) / stride + 1;
  return {first, end, step, count};
}

std::string slice_text(Runtime& runtime, const StringObject& text, const SliceRange& range) {
  if (range.count == 0) return {};
  if (range.step == 1) {
    return std::string(code_points(runtime, text, static_cast<size_t>(range.start),
                                   static_cast<size_t>(range.count)));
  }
  runtime.step_bytes(text.bytes.size() * 8);
  runtime.require(text.bytes.size() * 9);
  std::vector<size_t> offsets;
  for (size_t i = 0; i < text.bytes.size(); i += decode_at(text.bytes, i).length) {
    offsets.push_back(i);
  }
  std::string result;
  for (int64_t i = 0; i < range.count; ++i) {
    size_t at = offsets[static_cast<size_t>(range.start + i * range.step)];
    result.append(text.bytes, at, decode_at(text.bytes, at).length);
  }
  return result;
}

}  // namespace

bool is_iterable(const Value& value) {
  return value.is_undefined() || value.is_string() || value.is(Kind::sequence) ||
         value.is(Kind::dict);
}

std::optional<int64_t> length_of(const Value& value) {
  switch (value.kind()) {
    case Kind::undefined:
      return 0;
    case Kind::string:
      return static_cast<int64_t>(value.string().length);
    case Kind::dict:
      return static_cast<int64_t>(value.dict().entries.size());
    case Kind::callable:
      return value.callable().size();
    case Kind::sequence:
      if (value.sequence().type == SequenceKind::generator) return std::nullopt;
      return static_cast<int64_t>(value.sequence().items.size());
    default:
      return std::nullopt;
  }
}

Values iterate(Runtime& runtime, const Value& value) {
  Values items;
  switch (value.kind()) {
    case Kind::undefined:
      return items;
    case Kind::string: {
      const std::string& text = value.text();
      runtime.require_items(value.string().length * 4);
      for (size_t i = 0; i < text.size();) {
        size_t length = decode_at(text, i).length;
        items.push_back(runtime.string(text.substr(i, length)));
        i += length;
      }
      return items;
    }
    case Kind::sequence: {
      SequenceObject& sequence = value.sequence();
      runtime.step(sequence.items.size() / 4);
      runtime.require_items(sequence.items.size());
      if (sequence.type == SequenceKind::generator) {
        items.assign(sequence.items.begin() + static_cast<std::ptrdiff_t>(sequence.consumed),
                     sequence.items.end());
        sequence.consumed = sequence.items.size();
        return items;
      }
      return sequence.items;
    }
    case Kind::dict:
      runtime.step(value.dict().entries.size() / 16);
      runtime.require_items(value.dict().entries.size());
      for (const auto& entry : value.dict().entries) items.push_back(entry.first);
      return items;
    default:
      fail(fmt::format("'{}' object is not iterable", type_name(value)));
  }
}

Value get_attribute(Runtime& runtime, const Value& object, std::string_view name) {
  if (object.is_undefined()) fail(object.text());
  if (is_unsafe(object, name)) return unsafe_undefined(runtime, object, name);
  if (auto found = find_attribute(runtime, object, name)) return *found;
  Value key = runtime.string(name);
  if (auto found = subscript(runtime, object, key)) return *found;
  return missing(runtime, object, key);
}

Value get_item(Runtime& runtime, const Value& object, const Value& key) {
  if (auto found = subscript(runtime, object, key)) return *found;
  if (key.is_string()) {
    if (is_unsafe(object, key.text())) return unsafe_undefined(runtime, object, key.text());
    if (auto found = find_attribute(runtime, object, key.text())) return *found;
  }
  return missing(runtime, object, key);
}

Value get_slice(Runtime& runtime, const Value& object, const Value& start, const Value& stop,
                const Value& step) {
  if (object.is_undefined()) fail(object.text());
  if (object.is_string()) {
    auto range = resolve_slice(static_cast<int64_t>(object.string().length), start, stop, step);
    return runtime.string(slice_text(runtime, object.string(), range), object.string().markup);
  }
  if (!object.is(Kind::sequence) || object.sequence().type > SequenceKind::range) {
    fail(fmt::format("'{}' object is not subscriptable by a slice", type_name(object)));
  }
  const SequenceObject& sequence = object.sequence();
  auto range = resolve_slice(static_cast<int64_t>(sequence.items.size()), start, stop, step);
  if (sequence.type == SequenceKind::range) {
    // Bounds lie within the range's own, so that only the step can overflow.
    int64_t stride = 0;
    if (__builtin_mul_overflow(sequence.step, range.step, &stride)) {
      fail_exhausted("a range's step beyond 64 bits");
    }
    return runtime.range(sequence.start + range.start * sequence.step,
                         sequence.start + range.stop * sequence.step, stride);
  }
  runtime.require_items(static_cast<size_t>(range.count));
  Values items;
  items.reserve(static_cast<size_t>(range.count));
  for (int64_t i = 0; i < range.count; ++i) {
    items.push_back(sequence.items[static_cast<size_t>(range.start + i * range.step)]);
  }
  return runtime.list(std::move(items), sequence.type);
}

}  // namespace ix::chat::jinja
