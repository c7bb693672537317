#include "chat/runtime.h"

#include <fmt/format.h>

#include <algorithm>

#include "chat/text.h"

namespace ix::chat::jinja {

void Runtime::step(size_t count) {
  steps_ += static_cast<int64_t>(std::min<size_t>(count, 1 << 30));
  if (steps_ > limits_.max_steps) {
    fail_exhausted(fmt::format("more than {} steps", limits_.max_steps));
  }
}

void Runtime::require(size_t bytes) const {
  const auto limit = static_cast<size_t>(std::max<int64_t>(0, limits_.max_memory_bytes));
  if (bytes > limit || live_bytes_ > limit - bytes) {
    fail_exhausted(fmt::format("values of more than {} bytes", limits_.max_memory_bytes));
  }
}

void Runtime::require_items(size_t count) const {
  require(count > SIZE_MAX / sizeof(Value) ? SIZE_MAX : count * sizeof(Value));
}

void Runtime::take(size_t bytes) {
  require(bytes);
  live_bytes_ += bytes;
}

void Runtime::check_depth(int depth) const {
  if (depth > limits_.max_depth) {
    fail_exhausted(fmt::format("values nested deeper than {}", limits_.max_depth));
  }
}

Value Runtime::string(std::string bytes, bool markup) {
  step_bytes(bytes.size());
  auto object = std::make_shared<StringObject>(*this);
  object->charge(sizeof(StringObject) + bytes.size());
  object->length = count_code_points(bytes);
  object->bytes = std::move(bytes);
  object->markup = markup;
  return Value::object(Kind::string, std::move(object));
}

Value Runtime::undefined(std::string message) {
  auto object = std::make_shared<StringObject>(*this);
  object->charge(sizeof(StringObject) + message.size());
  object->bytes = std::move(message);
  return Value::object(Kind::undefined, std::move(object));
}

Value Runtime::list(Values items, SequenceKind type) {
  step(1 + items.size() / 4);
  auto object = std::make_shared<SequenceObject>(*this);
  object->charge(sizeof(SequenceObject) + items.size() * sizeof(Value));
  int depth = 0;
  for (const Value& item : items) depth = std::max(depth, depth_of(item));
  check_depth(depth + 1);
  object->depth = depth + 1;
  object->items = std::move(items);
  object->type = type;
  return Value::object(Kind::sequence, std::move(object));
}

Value Runtime::range(int64_t start, int64_t stop, int64_t step_size) {
  if (step_size == 0) fail("range() arg 3 must not be zero");
  constexpr int64_t kMaxRange = 100'000;  // MAX_RANGE of jinja2's sandbox
  Values items;
  int64_t current = start;
  while (step_size > 0 ? current < stop : current > stop) {
    if (items.size() >= kMaxRange) {
      fail(fmt::format("Range too big. The sandbox blocks ranges larger than MAX_RANGE ({}).",
                       kMaxRange));
    }
    items.push_back(Value::integer(current));
    if (__builtin_add_overflow(current, step_size, &current)) break;
  }
  Value value = list(std::move(items), SequenceKind::range);
  value.sequence().start = start;
  value.sequence().stop = stop;
  value.sequence().step = step_size;
  return value;
}

Value Runtime::dict(std::shared_ptr<DictObject> dict) {
  step(dict->entries.size() / 16);
  dict->charge(sizeof(DictObject) + dict->entries.size() * 4 * sizeof(Value));
  int depth = 0;
  for (const auto& [key, value] : dict->entries) {
    depth = std::max({depth, depth_of(key), depth_of(value)});
  }
  check_depth(depth + 1);
  dict->depth = depth + 1;
  return Value::object(Kind::dict, std::move(dict));
}

Value Runtime::from_json(const Json& json, int depth) {
  check_depth(depth);
  switch (json.type()) {
    case Json::value_t::boolean:
      return Value::boolean(json.get<bool>());
    case Json::value_t::number_integer:
      return Value::integer(json.get<int64_t>());
    case Json::value_t::number_unsigned: {
      auto number = json.get<uint64_t>();
      if (number > INT64_MAX) return Value::real(static_cast<double>(number));
      return Value::integer(static_cast<int64_t>(number));
    }
    case Json::value_t::number_float:
      return Value::real(json.get<double>());
    case Json::value_t::string:
      return string(json.get_ref<const std::string&>());
    case Json::value_t::array: {
      require_items(json.size());
      Values items;
      for (const Json& item : json) items.push_back(from_json(item, depth + 1));
      return list(std::move(items));
    }
    case Json::value_t::object: {
      auto object = new_dict();
      for (const auto& [key, item] : json.items()) {
        object->set(string(key), from_json(item, depth + 1));
      }
      return dict(std::move(object));
    }
    default:
      return Value();
  }
}

void Runtime::adopt(std::shared_ptr<NamespaceObject> space) {
  namespaces_.push_back(std::move(space));
}

Runtime::~Runtime() {
  // Namespaces may hold themselves. While all are held here, no destructor runs deep.
  for (auto& space : namespaces_) space->attributes.clear();
}

void TextBuffer::grow(size_t bytes) {
  runtime_.take(bytes);
  taken_ += bytes;
  runtime_.step_bytes(bytes);
}

void TextBuffer::append(std::string_view text) {
  grow(text.size());
  text_ += text;
}

void TextBuffer::append(size_t count, char c) {
  grow(count);
  text_.append(count, c);
}

}  // namespace ix::chat::jinja
