#include "chat/loop_object.h"

#include <fmt/format.h>

#include <algorithm>

#include "chat/operations.h"

namespace ix::chat::jinja {
namespace {

// loop.cycle and loop.changed; no longer than the loop itself.
struct LoopMethod : CallableObject {
  LoopMethod(std::shared_ptr<LoopObject> of, bool is_cycle)
      : CallableObject(of->runtime), loop(std::move(of)), cycles(is_cycle) {
    charge(sizeof(LoopMethod));
    depth = loop->depth + 1;
  }
  Value call(Arguments& arguments) override {
    return cycles ? loop->cycle(arguments) : loop->changed(arguments);
  }
  std::string describe() const override { return "<bound method of LoopContext>"; }

  std::shared_ptr<LoopObject> loop;
  bool cycles;
};

}  // namespace

LoopObject::LoopObject(Interpreter& interpreter, const ForStatement& statement, const Values& items,
                       int depth0)
    : CallableObject(interpreter.runtime()),
      interpreter_(interpreter),
      statement_(statement),
      items_(&items),
      length_(static_cast<int64_t>(items.size())),
      depth0_(depth0) {
  charge(sizeof(LoopObject));
  depth = 1;
}

void LoopObject::finish() {
  items_ = nullptr;
  last_changed_.reset();
}

Value LoopObject::call(Arguments& arguments) {
  auto bound = bind_arguments("loop()", arguments, {"iterable"}, 1);
  if (!statement_.recursive || !scope_) {
    fail("The loop must have the 'recursive' marker to be called recursively.");
  }
  return interpreter_.call_loop(statement_, scope_, *bound[0], depth0_ + 1);
}

std::optional<Value> LoopObject::number(std::string_view name) const {
  const auto index = static_cast<int64_t>(index_);
  if (name == "index") return Value::integer(index + 1);
  if (name == "index0") return Value::integer(index);
  if (name == "revindex") return Value::integer(length_ - index);
  if (name == "revindex0") return Value::integer(length_ - index - 1);
  if (name == "length") return Value::integer(length_);
  if (name == "depth") return Value::integer(depth0_ + 1);
  if (name == "depth0") return Value::integer(depth0_);
  if (name == "first") return Value::boolean(index == 0);
  if (name == "last") return Value::boolean(index + 1 >= length_);
  return std::nullopt;
}

std::optional<Value> LoopObject::attribute(std::string_view name) {
  if (auto found = number(name)) return found;
  if (name == "previtem") {
    if (index_ == 0 || items_ == nullptr) return runtime.undefined("there is no previous item");
    return (*items_)[index_ - 1];
  }
  if (name == "nextitem") {
    if (items_ == nullptr || index_ + 1 >= items_->size()) {
      return runtime.undefined("there is no next item");
    }
    return (*items_)[index_ + 1];
  }
  if (name == "cycle" || name == "changed") {
    return Value::object(Kind::callable,
                         std::make_shared<LoopMethod>(shared_from_this(), name == "cycle"));
  }
  return std::nullopt;
}

std::string LoopObject::describe() const {
  return fmt::format("<LoopContext {}/{}>", index_ + 1, length_);
}

Value LoopObject::cycle(const Arguments& arguments) const {
  if (arguments.positional.empty()) fail("no items for cycling given");
  return arguments.positional[index_ % arguments.positional.size()];
}

Value LoopObject::changed(const Arguments& arguments) {
  Value now = runtime.tuple(arguments.positional);
  if (last_changed_ && equal(runtime, *last_changed_, now)) return Value::boolean(false);
  last_changed_ = now;
  return Value::boolean(true);
}

}  // namespace ix::chat::jinja
