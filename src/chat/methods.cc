#include "chat/methods.h"

#include <fmt/format.h>

#include "chat/access.h"
#include "chat/operations.h"

namespace ix::chat::jinja {
namespace {

struct BoundMethod : CallableObject {
  BoundMethod(Runtime& owner, Value object, std::string_view method_name, Method method)
      : CallableObject(owner), self(std::move(object)), name(method_name), function(method) {}

  Value call(Arguments& arguments) override { return function(runtime, self, arguments); }
  std::string describe() const override {
    return fmt::format("<built-in method {} of {} object>", name, ix::chat::jinja::type_name(self));
  }
  std::string type_name() const override { return "builtin_function_or_method"; }

  Value self;
  std::string name;
  Method function;
};

Value list_count(Runtime& runtime, const Value& self, Arguments& arguments) {
  auto bound = bind_arguments("count()", arguments, {"value"}, 1);
  int64_t count = 0;
  for (const Value& item : self.sequence().items) count += equal(runtime, item, *bound[0]) ? 1 : 0;
  return Value::integer(count);
}

Value list_index(Runtime& runtime, const Value& self, Arguments& arguments) {
  auto bound = bind_arguments("index()", arguments, {"value", "start", "stop"}, 1);
  Value all = get_slice(runtime, self, bound[1].value_or(Value()), bound[2].value_or(Value()), {});
  int64_t start = 0;
  if (bound[1] && bound[1]->is_integral()) {
    auto length = static_cast<int64_t>(self.sequence().items.size());
    start = bound[1]->as_integer();
    start = start < 0 ? std::max<int64_t>(0, start + length) : start;
  }
  const Values& items = all.sequence().items;
  for (size_t i = 0; i < items.size(); ++i) {
    if (equal(runtime, items[i], *bound[0])) {
      return Value::integer(start + static_cast<int64_t>(i));
    }
  }
  fail(fmt::format("value is not in {}", type_name(self)));
}

Value list_copy(Runtime&, const Value& self, Arguments& arguments) {
  bind_arguments("copy()", arguments, {});
  return self;
}

Value dict_get(Runtime&, const Value& self, Arguments& arguments) {
  if (!arguments.named.empty()) fail("dict.get() takes no keyword arguments");
  auto bound = bind_arguments("dict.get()", arguments, {"key", "default"}, 1);
  const Value* found = self.dict().find(*bound[0]);
  return found != nullptr ? *found : bound[1].value_or(Value());
}

Value dict_view(Runtime& runtime, const Value& self, Arguments& arguments, SequenceKind kind) {
  bind_arguments("a dict's view", arguments, {});
  const auto& entries = self.dict().entries;
  runtime.require_items(entries.size() * 4);
  Values items;
  items.reserve(entries.size());
  for (const auto& [key, value] : entries) {
    if (kind == SequenceKind::keys) items.push_back(key);
    if (kind == SequenceKind::values) items.push_back(value);
    if (kind == SequenceKind::items) items.push_back(runtime.tuple({key, value}));
  }
  return runtime.list(std::move(items), kind);
}

Value dict_keys(Runtime& runtime, const Value& self, Arguments& arguments) {
  return dict_view(runtime, self, arguments, SequenceKind::keys);
}
Value dict_values(Runtime& runtime, const Value& self, Arguments& arguments) {
  return dict_view(runtime, self, arguments, SequenceKind::values);
}
Value dict_items(Runtime& runtime, const Value& self, Arguments& arguments) {
  return dict_view(runtime, self, arguments, SequenceKind::items);
}

Value real_is_integer(Runtime&, const Value& self, Arguments& arguments) {
  bind_arguments("is_integer()", arguments, {});
  double number = self.as_real();
  return Value::boolean(number - number == 0 && static_cast<double>(static_cast<long double>(
                                                    __builtin_floor(number))) == number);
}

Method find_method(const Value& object, std::string_view name) {
  switch (object.kind()) {
    case Kind::string:
      return find_string_method(name);
    case Kind::dict:
      return find_dict_method(name);
    case Kind::sequence:
      if (object.sequence().type > SequenceKind::range) return nullptr;
      return object.sequence().type == SequenceKind::list || name != "copy" ? find_list_method(name)
                                                                            : nullptr;
    case Kind::real:
      return name == "is_integer" ? real_is_integer : nullptr;
    default:
      return nullptr;
  }
}

}  // namespace

Method find_list_method(std::string_view name) {
  if (name == "count") return list_count;
  if (name == "index") return list_index;
  if (name == "copy") return list_copy;
  return nullptr;
}

Method find_dict_method(std::string_view name) {
  if (name == "get") return dict_get;
  if (name == "items") return dict_items;
  if (name == "keys") return dict_keys;
  if (name == "values") return dict_values;
  if (name == "copy") return list_copy;
  return nullptr;
}

std::optional<Value> find_attribute(Runtime& runtime, const Value& object, std::string_view name) {
  if (object.is(Kind::callable)) return object.callable().attribute(name);
  if (object.is(Kind::name_space)) {
    const Value* found = object.name_space().find(name);
    if (found == nullptr) return std::nullopt;
    return *found;
  }
  if (object.is(Kind::sequence) && object.sequence().group) {
    if (name == "grouper") return object.sequence().items[0];
    if (name == "list") return object.sequence().items[1];
  }
  Method method = find_method(object, name);
  if (method == nullptr) return std::nullopt;
  auto bound = std::make_shared<BoundMethod>(runtime, object, name, method);
  bound->charge(sizeof(BoundMethod));
  bound->depth = depth_of(object) + 1;
  runtime.check_depth(bound->depth);
  return Value::object(Kind::callable, std::move(bound));
}

}  // namespace ix::chat::jinja
