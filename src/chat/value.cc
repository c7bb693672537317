#include "chat/value.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "chat/operations.h"
#include "chat/runtime.h"

namespace ix::chat::jinja {

void fail(std::string message) {
  throw TemplateError{StatusCode::invalid_argument, std::move(message)};
}

void fail_exhausted(std::string message) {
  throw TemplateError{StatusCode::resource_exhausted, std::move(message)};
}

Object::~Object() { runtime.give(charged_bytes); }

void Object::charge(size_t bytes) {
  runtime.take(bytes);
  charged_bytes += bytes;
}

int depth_of(const Value& value) { return value.pointer() ? value.pointer()->depth : 0; }

Value Value::boolean(bool b) {
  Value value;
  value.kind_ = Kind::boolean;
  value.integer_ = b ? 1 : 0;
  return value;
}

Value Value::integer(int64_t i) {
  Value value;
  value.kind_ = Kind::integer;
  value.integer_ = i;
  return value;
}

Value Value::real(double d) {
  Value value;
  value.kind_ = Kind::real;
  value.real_ = d;
  return value;
}

Value Value::object(Kind kind, std::shared_ptr<Object> object) {
  Value value;
  value.kind_ = kind;
  value.object_ = std::move(object);
  return value;
}

bool Value::is_sequence(SequenceKind kind) const {
  return kind_ == Kind::sequence && sequence().type == kind;
}

const std::string& Value::text() const { return string().bytes; }
const StringObject& Value::string() const { return static_cast<StringObject&>(*object_); }
SequenceObject& Value::sequence() const { return static_cast<SequenceObject&>(*object_); }
const DictObject& Value::dict() const { return static_cast<DictObject&>(*object_); }
NamespaceObject& Value::name_space() const { return static_cast<NamespaceObject&>(*object_); }
CallableObject& Value::callable() const { return static_cast<CallableObject&>(*object_); }

const Value* DictObject::find(const Value& key) const {
  auto [first, last] = index_.equal_range(hash_value(key));
  for (auto it = first; it != last; ++it) {
    runtime.step();
    if (equal(runtime, entries[it->second].first, key)) return &entries[it->second].second;
  }
  return nullptr;
}

const Value* DictObject::find(std::string_view key) const {
  auto [first, last] = index_.equal_range(std::hash<std::string_view>{}(key));
  for (auto it = first; it != last; ++it) {
    const auto& [name, value] = entries[it->second];
    if (name.is_string() && name.text() == key) return &value;
  }
  return nullptr;
}

void DictObject::set(Value key, Value value) {
  if (const Value* present = find(key)) {
    *const_cast<Value*>(present) = std::move(value);
    return;
  }
  index_.emplace(hash_value(key), entries.size());
  entries.emplace_back(std::move(key), std::move(value));
}

const Value* NamespaceObject::find(std::string_view name) const {
  for (const auto& [key, value] : attributes) {
    if (key == name) return &value;
  }
  return nullptr;
}

void NamespaceObject::set(std::string_view name, Value value) {
  runtime.step(attributes.size() / 16);
  if (const Value* present = find(name)) {
    *const_cast<Value*>(present) = std::move(value);
    return;
  }
  charge(sizeof(Value) * 2 + name.size());
  attributes.emplace_back(std::string(name), std::move(value));
}

std::vector<std::optional<Value>> bind_arguments(std::string_view what, const Arguments& arguments,
                                                 const std::vector<std::string_view>& names,
                                                 size_t required) {
  if (arguments.positional.size() > names.size()) {
    fail(fmt::format("{} takes at most {} arguments, {} given", what, names.size(),
                     arguments.positional.size()));
  }
  std::vector<std::optional<Value>> bound(names.size());
  std::copy(arguments.positional.begin(), arguments.positional.end(), bound.begin());
  for (const auto& [name, value] : arguments.named) {
    auto place = std::find(names.begin(), names.end(), name);
    if (place == names.end()) {
      fail(fmt::format("{} got an unexpected keyword argument '{}'", what, name));
    }
    auto& slot = bound[static_cast<size_t>(place - names.begin())];
    if (slot) fail(fmt::format("{} got multiple values for argument '{}'", what, name));
    slot = value;
  }
  for (size_t i = 0; i < required; ++i) {
    if (!bound[i]) fail(fmt::format("{} is missing its argument '{}'", what, names[i]));
  }
  return bound;
}

std::string type_name(const Value& value) {
  switch (value.kind()) {
    case Kind::undefined:
      return "Undefined";
    case Kind::none:
      return "NoneType";
    case Kind::boolean:
      return "bool";
    case Kind::integer:
      return "int";
    case Kind::real:
      return "float";
    case Kind::string:
      return value.string().markup ? "Markup" : "str";
    case Kind::dict:
      return "dict";
    case Kind::name_space:
      return "Namespace";
    case Kind::callable:
      return value.callable().type_name();
    case Kind::sequence:
      break;
  }
  switch (value.sequence().type) {
    case SequenceKind::list:
      return "list";
    case SequenceKind::tuple:
      return "tuple";
    case SequenceKind::range:
      return "range";
    case SequenceKind::keys:
      return "dict_keys";
    case SequenceKind::values:
      return "dict_values";
    case SequenceKind::items:
      return "dict_items";
    case SequenceKind::generator:
      break;
  }
  return "generator";
}

size_t hash_value(const Value& value) {
  switch (value.kind()) {
    case Kind::none:
      return 0x6e6f6e65;
    case Kind::boolean:
    case Kind::integer:
      return std::hash<int64_t>{}(value.as_integer());
    case Kind::real: {
      double number = value.as_real();
      if (std::floor(number) == number && std::abs(number) < 9e18) {
        return std::hash<int64_t>{}(static_cast<int64_t>(number));
      }
      return std::hash<double>{}(number);
    }
    case Kind::string:
      return std::hash<std::string_view>{}(value.text());
    case Kind::sequence:
      if (value.sequence().type == SequenceKind::tuple) {
        size_t hash = 0x7475;
        for (const Value& item : value.sequence().items) {
          value.sequence().runtime.step();
          hash = hash * 1000003 ^ hash_value(item);
        }
        return hash;
      }
      if (value.sequence().type == SequenceKind::generator) break;
      [[fallthrough]];
    case Kind::dict:
      fail(fmt::format("unhashable type: '{}'", type_name(value)));
    default:
      break;
  }
  if (value.is_undefined()) return 0x756e;
  return std::hash<const void*>{}(value.pointer().get());
}

}  // namespace ix::chat::jinja
