// The functions that every template sees.
#include <fmt/format.h>

#include <array>
#include <ctime>

#include "chat/access.h"
#include "chat/builtins.h"
#include "chat/operations.h"
#include "chat/printing.h"

namespace ix::chat::jinja {
namespace {

using Function = Value (*)(Runtime& runtime, Arguments& arguments);

struct GlobalFunction : CallableObject {
  GlobalFunction(Runtime& owner, std::string_view function_name, Function code)
      : CallableObject(owner), name(function_name), function(code) {}
  Value call(Arguments& arguments) override { return function(runtime, arguments); }
  std::string describe() const override { return fmt::format("<function {}>", name); }

  std::string name;
  Function function;
};

Value raise_exception(Runtime& runtime, Arguments& arguments) {
  auto bound = bind_arguments("raise_exception", arguments, {"message"}, 1);
  throw TemplateError{StatusCode::invalid_argument, to_text(runtime, *bound[0]), true};
}

Value strftime_now(Runtime& runtime, Arguments& arguments) {
  auto bound = bind_arguments("strftime_now", arguments, {"format"}, 1);
  if (!bound[0]->is_string()) fail("strftime_now wants a string");
  std::time_t now = runtime.now() != 0 ? runtime.now() : std::time(nullptr);
  std::tm local{};
  if (localtime_r(&now, &local) == nullptr) fail("strftime_now: the time is out of range");
  // A mark at the end tells an empty result from one that does not fit.
  const std::string format = bound[0]->text().substr(0, bound[0]->text().find('\0')) + "|";
  std::array<char, 4096> buffer;
  const size_t length = std::strftime(buffer.data(), buffer.size(), format.c_str(), &local);
  if (length == 0) fail_exhausted("strftime_now: the formatted date is too long");
  return runtime.string(std::string(buffer.data(), length - 1));
}

int64_t range_argument(const Value& value) {
  if (!value.is_integral()) {
    if (value.is_undefined()) fail(value.text());
    fail(fmt::format("'{}' object cannot be interpreted as an integer", type_name(value)));
  }
  return value.as_integer();
}

Value range(Runtime& runtime, Arguments& arguments) {
  if (!arguments.named.empty()) fail("range() takes no keyword arguments");
  const Values& given = arguments.positional;
  if (given.empty() || given.size() > 3) fail("range expected 1 to 3 arguments");
  if (given.size() == 1) return runtime.range(0, range_argument(given[0]), 1);
  return runtime.range(range_argument(given[0]), range_argument(given[1]),
                       given.size() == 3 ? range_argument(given[2]) : 1);
}

// The entries of dict(*args, **kwargs).
std::shared_ptr<DictObject> build_dict(Runtime& runtime, const Arguments& arguments) {
  auto dict = runtime.new_dict();
  if (arguments.positional.size() > 1) fail("dict expected at most 1 argument");
  if (!arguments.positional.empty()) {
    const Value& source = arguments.positional[0];
    if (source.is(Kind::dict)) {
      for (const auto& [key, value] : source.dict().entries) dict->set(key, value);
    } else {
      for (const Value& entry : iterate(runtime, source)) {
        Values pair = iterate(runtime, entry);
        if (pair.size() != 2) fail("dictionary update sequence elements must have length 2");
        dict->set(pair[0], pair[1]);
      }
    }
  }
  for (const auto& [name, value] : arguments.named) dict->set(runtime.string(name), value);
  return dict;
}

Value dict(Runtime& runtime, Arguments& arguments) {
  return runtime.dict(build_dict(runtime, arguments));
}

Value make_namespace(Runtime& runtime, Arguments& arguments) {
  auto entries = build_dict(runtime, arguments);
  auto space = std::make_shared<NamespaceObject>(runtime);
  space->charge(sizeof(NamespaceObject));
  space->depth = 1;
  for (const auto& [key, value] : entries->entries) {
    space->set(to_text(runtime, key), value);
  }
  runtime.adopt(space);
  return Value::object(Kind::name_space, std::move(space));
}

struct Cycler : CallableObject, std::enable_shared_from_this<Cycler> {
  Cycler(Runtime& owner, Values cycled) : CallableObject(owner), items(std::move(cycled)) {}
  Value call(Arguments&) override { fail("'Cycler' object is not callable"); }
  std::optional<Value> attribute(std::string_view name) override;
  std::string describe() const override { return "<jinja2.utils.Cycler object>"; }
  std::string type_name() const override { return "Cycler"; }

  Values items;
  size_t position = 0;
};

// cycler.next and cycler.reset.
struct CyclerMethod : CallableObject {
  CyclerMethod(Runtime& of_runtime, Cycler& of, bool resets)
      : CallableObject(of_runtime), cycler(of), reset(resets) {}
  Value call(Arguments& arguments) override {
    bind_arguments("cycler", arguments, {});
    if (reset) {
      cycler.position = 0;
      return {};
    }
    Value current = cycler.items[cycler.position];
    cycler.position = (cycler.position + 1) % cycler.items.size();
    return current;
  }
  std::string describe() const override { return "<bound method of Cycler>"; }

  Cycler& cycler;
  bool reset;
  std::shared_ptr<Cycler> owner;
};

std::optional<Value> Cycler::attribute(std::string_view name) {
  if (name == "current") return items[position];
  if (name == "items") return runtime.tuple(items);
  if (name == "pos") return Value::integer(static_cast<int64_t>(position));
  if (name != "next" && name != "reset") return std::nullopt;
  auto method = std::make_shared<CyclerMethod>(runtime, *this, name == "reset");
  method->charge(sizeof(CyclerMethod));
  method->depth = depth + 1;
  runtime.check_depth(method->depth);
  method->owner = shared_from_this();
  return Value::object(Kind::callable, std::move(method));
}

Value make_cycler(Runtime& runtime, Arguments& arguments) {
  if (!arguments.named.empty()) fail("cycler() takes no keyword arguments");
  if (arguments.positional.empty()) fail("at least one item has to be provided");
  auto cycler = std::make_shared<Cycler>(runtime, arguments.positional);
  cycler->charge(sizeof(Cycler) + cycler->items.size() * sizeof(Value));
  for (const Value& item : cycler->items) cycler->depth = std::max(cycler->depth, depth_of(item));
  runtime.check_depth(++cycler->depth);
  return Value::object(Kind::callable, std::move(cycler));
}

struct Joiner : CallableObject {
  Joiner(Runtime& owner, Value text) : CallableObject(owner), separator(std::move(text)) {}
  Value call(Arguments& arguments) override {
    bind_arguments("joiner", arguments, {});
    if (used) return separator;
    used = true;
    return runtime.string("");
  }
  std::string describe() const override { return "<jinja2.utils.Joiner object>"; }
  std::string type_name() const override { return "Joiner"; }

  Value separator;
  bool used = false;
};

Value make_joiner(Runtime& runtime, Arguments& arguments) {
  auto bound = bind_arguments("joiner", arguments, {"sep"});
  auto joiner = std::make_shared<Joiner>(runtime, bound[0] ? *bound[0] : runtime.string(", "));
  joiner->charge(sizeof(Joiner));
  joiner->depth = depth_of(joiner->separator) + 1;
  runtime.check_depth(joiner->depth);
  return Value::object(Kind::callable, std::move(joiner));
}

}  // namespace

std::vector<std::pair<std::string, Value>> make_globals(Runtime& runtime) {
  constexpr std::pair<const char*, Function> kFunctions[] = {
      {"raise_exception", raise_exception},
      {"strftime_now", strftime_now},
      {"range", range},
      {"dict", dict},
      {"namespace", make_namespace},
      {"cycler", make_cycler},
      {"joiner", make_joiner},
  };
  std::vector<std::pair<std::string, Value>> globals;
  for (const auto& [name, function] : kFunctions) {
    globals.emplace_back(name, Value::object(Kind::callable, std::make_shared<GlobalFunction>(
                                                                 runtime, name, function)));
  }
  return globals;
}

}  // namespace ix::chat::jinja
