// map, select, reject and their attribute forms; and the look-up of filters.
#include <fmt/format.h>

#include "chat/access.h"
#include "chat/attribute_path.h"
#include "chat/builtins.h"
#include "chat/operations.h"
#include "chat/printing.h"

namespace ix::chat::jinja {
namespace {

// The first positional argument, removed.
Value take_first(Arguments& arguments, std::string_view what) {
  if (arguments.positional.empty()) fail(fmt::format("{} misses its first argument", what));
  Value first = arguments.positional.front();
  arguments.positional.erase(arguments.positional.begin());
  return first;
}

Value map_attribute(Runtime& runtime, const Value& input, Arguments& arguments) {
  auto bound = bind_arguments("map", arguments, {"attribute", "default"});
  AttributePath path(runtime, bound[0].value_or(Value()));
  std::optional<Value> otherwise = bound[1];
  if (otherwise && otherwise->is_none()) otherwise.reset();
  Values mapped;
  for (const Value& item : iterate(runtime, input)) {
    mapped.push_back(path.read(runtime, item, otherwise));
  }
  return runtime.list(std::move(mapped), SequenceKind::generator);
}

Value map(Runtime& runtime, const Value& input, Arguments& arguments) {
  if (!truthy(input)) return runtime.list({}, SequenceKind::generator);
  if (arguments.positional.empty() && !arguments.named.empty() &&
      arguments.named.front().first == "attribute") {
    return map_attribute(runtime, input, arguments);
  }
  const std::string name = to_text(runtime, take_first(arguments, "map"));
  Filter filter = find_filter(name);
  if (filter == nullptr) fail(fmt::format("No filter named '{}'.", name));
  Values mapped;
  for (const Value& item : iterate(runtime, input)) {
    runtime.step();
    Arguments forwarded = arguments;
    mapped.push_back(filter(runtime, item, forwarded));
  }
  return runtime.list(std::move(mapped), SequenceKind::generator);
}

template <bool keep, bool by_attribute>
Value choose(Runtime& runtime, const Value& input, Arguments& arguments) {
  if (!truthy(input)) return runtime.list({}, SequenceKind::generator);
  AttributePath path(runtime, by_attribute ? take_first(arguments, "selectattr") : Value());
  Predicate predicate = nullptr;
  if (!arguments.positional.empty()) {
    const std::string name = to_text(runtime, take_first(arguments, "select"));
    predicate = find_predicate(name);
    if (predicate == nullptr) fail(fmt::format("No test named '{}'.", name));
  }
  Values chosen;
  for (const Value& item : iterate(runtime, input)) {
    runtime.step();
    Value tested = path.read(runtime, item);
    Arguments forwarded = arguments;
    bool holds = predicate != nullptr ? predicate(runtime, tested, forwarded) : truthy(tested);
    if (holds == keep) chosen.push_back(item);
  }
  return runtime.list(std::move(chosen), SequenceKind::generator);
}

}  // namespace

const FilterTable& selection_filters() {
  static const FilterTable kFilters = {
      {"map", map},
      {"select", choose<true, false>},
      {"reject", choose<false, false>},
      {"selectattr", choose<true, true>},
      {"rejectattr", choose<false, true>},
  };
  return kFilters;
}

Filter find_filter(std::string_view name) {
  for (const FilterTable* table :
       {&text_filters(), &number_filters(), &sequence_filters(), &selection_filters()}) {
    if (auto found = table->find(name); found != table->end()) return found->second;
  }
  return nullptr;
}

}  // namespace ix::chat::jinja
