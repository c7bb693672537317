#include <fmt/format.h>

#include <algorithm>

#include "chat/access.h"
#include "chat/attribute_path.h"
#include "chat/builtins.h"
#include "chat/methods.h"
#include "chat/operations.h"
#include "chat/printing.h"
#include "chat/text.h"

namespace ix::chat::jinja {
namespace {

bool flag(const std::optional<Value>& value) { return value && truthy(*value); }
Value or_none(const std::optional<Value>& value) { return value.value_or(Value()); }

Value length(Runtime&, const Value& input, Arguments& arguments) {
  bind_arguments("length", arguments, {});
  auto size = length_of(input);
  if (!size) fail(fmt::format("object of type '{}' has no len()", type_name(input)));
  return Value::integer(*size);
}

Value default_filter(Runtime& runtime, const Value& input, Arguments& arguments) {
  auto bound = bind_arguments("default", arguments, {"default_value", "boolean"});
  if (input.is_undefined() || (flag(bound[1]) && !truthy(input))) {
    return bound[0] ? *bound[0] : runtime.string("");
  }
  return input;
}

Value join(Runtime& runtime, const Value& input, Arguments& arguments) {
  auto bound = bind_arguments("join", arguments, {"d", "attribute"});
  const std::string separator = bound[0] ? to_text(runtime, *bound[0]) : "";
  AttributePath path(runtime, or_none(bound[1]));
  TextBuffer out(runtime);
  bool first = true;
  for (const Value& item : iterate(runtime, input)) {
    if (!first) out.append(separator);
    first = false;
    out.append(to_text(runtime, path.read(runtime, item)));
  }
  return runtime.string(out.release());
}

Value list(Runtime& runtime, const Value& input, Arguments& arguments) {
  bind_arguments("list", arguments, {});
  return runtime.list(iterate(runtime, input));
}

Value first(Runtime& runtime, const Value& input, Arguments& arguments) {
  bind_arguments("first", arguments, {});
  if (input.is_sequence(SequenceKind::generator)) {
    SequenceObject& generator = input.sequence();
    if (generator.consumed < generator.items.size()) return generator.items[generator.consumed++];
  } else if (input.is_string() && !input.text().empty()) {
    return get_item(runtime, input, Value::integer(0));
  } else {
    Values items = iterate(runtime, input);
    if (!items.empty()) return items.front();
  }
  return runtime.undefined("No first item, sequence was empty.");
}

Value last(Runtime& runtime, const Value& input, Arguments& arguments) {
  bind_arguments("last", arguments, {});
  if (input.is_sequence(SequenceKind::generator)) fail("'generator' object is not reversible");
  Values items = iterate(runtime, input);
  if (!items.empty()) return items.back();
  return runtime.undefined("No last item, sequence was empty.");
}

Value items(Runtime& runtime, const Value& input, Arguments& arguments) {
  bind_arguments("items", arguments, {});
  if (input.is_undefined()) return runtime.list({}, SequenceKind::generator);
  if (!input.is(Kind::dict)) fail("Can only get item pairs from a mapping.");
  Arguments none;
  Value view = find_dict_method("items")(runtime, input, none);
  return runtime.list(view.sequence().items, SequenceKind::generator);
}

struct Keyed {
  Value key;
  Value item;
};

void sort_by_key(Runtime& runtime, std::vector<Keyed>& keyed, bool reverse) {
  std::stable_sort(keyed.begin(), keyed.end(), [&](const Keyed& a, const Keyed& b) {
    return reverse ? less(runtime, b.key, a.key) : less(runtime, a.key, b.key);
  });
}

Values items_of(std::vector<Keyed> keyed) {
  Values items;
  items.reserve(keyed.size());
  for (Keyed& entry : keyed) items.push_back(std::move(entry.item));
  return items;
}

Value dictsort(Runtime& runtime, const Value& input, Arguments& arguments) {
  auto bound = bind_arguments("dictsort", arguments, {"case_sensitive", "by", "reverse"});
  std::string by = bound[1] ? to_text(runtime, *bound[1]) : "key";
  if (by != "key" && by != "value") fail("You can only sort by either \"key\" or \"value\"");
  if (!input.is(Kind::dict)) {
    if (input.is_undefined()) fail(input.text());
    fail(fmt::format("'{}' object has no attribute 'items'", type_name(input)));
  }
  runtime.require_items(input.dict().entries.size() * 6);
  std::vector<Keyed> keyed;
  for (const auto& [key, value] : input.dict().entries) {
    const Value& chosen = by == "key" ? key : value;
    keyed.push_back(
        {flag(bound[0]) ? chosen : ignore_case(runtime, chosen), runtime.tuple({key, value})});
  }
  sort_by_key(runtime, keyed, flag(bound[2]));
  return runtime.list(items_of(std::move(keyed)));
}

Value sort(Runtime& runtime, const Value& input, Arguments& arguments) {
  auto bound = bind_arguments("sort", arguments, {"reverse", "case_sensitive", "attribute"});
  const bool case_sensitive = flag(bound[1]);
  std::vector<AttributePath> paths;
  Value attribute = or_none(bound[2]);
  if (attribute.is_string()) {
    for (std::string_view part : split_on(attribute.text(), ",", -1)) {
      paths.emplace_back(runtime, runtime.string(part));
    }
  } else {
    paths.emplace_back(runtime, attribute);
  }
  std::vector<Keyed> keyed;
  for (const Value& item : iterate(runtime, input)) {
    Values keys;
    for (const AttributePath& path : paths) {
      Value key = path.read(runtime, item);
      keys.push_back(case_sensitive ? key : ignore_case(runtime, key));
    }
    keyed.push_back({runtime.list(std::move(keys)), item});
  }
  sort_by_key(runtime, keyed, flag(bound[0]));
  return runtime.list(items_of(std::move(keyed)));
}

Value unique(Runtime& runtime, const Value& input, Arguments& arguments) {
  auto bound = bind_arguments("unique", arguments, {"case_sensitive", "attribute"});
  AttributePath path(runtime, or_none(bound[1]));
  auto seen = runtime.new_dict();
  Values kept;
  for (const Value& item : iterate(runtime, input)) {
    Value key = path.read(runtime, item);
    if (!flag(bound[0])) key = ignore_case(runtime, key);
    if (seen->find(key) != nullptr) continue;
    seen->set(key, Value());
    kept.push_back(item);
  }
  return runtime.list(std::move(kept), SequenceKind::generator);
}

Value groupby(Runtime& runtime, const Value& input, Arguments& arguments) {
  auto bound = bind_arguments("groupby", arguments, {"attribute", "default", "case_sensitive"}, 1);
  AttributePath path(runtime, *bound[0]);
  std::optional<Value> otherwise = bound[1];
  if (otherwise && otherwise->is_none()) otherwise.reset();
  std::vector<Keyed> keyed;
  for (const Value& item : iterate(runtime, input)) {
    Value key = path.read(runtime, item, otherwise);
    keyed.push_back({flag(bound[2]) ? key : ignore_case(runtime, key), item});
  }
  sort_by_key(runtime, keyed, false);
  Values groups;
  for (size_t i = 0; i < keyed.size();) {
    size_t end = i;
    Values members;
    while (end < keyed.size() && equal(runtime, keyed[end].key, keyed[i].key)) {
      members.push_back(keyed[end++].item);
    }
    if (end == i) members.push_back(keyed[end++].item);  // nan is not equal to itself
    Value shown = path.read(runtime, members.front(), otherwise);
    groups.push_back(runtime.tuple({shown, runtime.list(std::move(members))}));
    groups.back().sequence().group = true;
    i = end;
  }
  return runtime.list(std::move(groups));
}

Value sum(Runtime& runtime, const Value& input, Arguments& arguments) {
  auto bound = bind_arguments("sum", arguments, {"attribute", "start"});
  AttributePath path(runtime, or_none(bound[0]));
  Value total = bound[1].value_or(Value::integer(0));
  if (total.is_string()) fail("sum() can't sum strings [use ''.join(seq) instead]");
  for (const Value& item : iterate(runtime, input)) {
    total = binary(runtime, BinaryOperator::add, total, path.read(runtime, item));
  }
  return total;
}

template <bool largest>
Value extreme(Runtime& runtime, const Value& input, Arguments& arguments) {
  auto bound = bind_arguments("min and max", arguments, {"case_sensitive", "attribute"});
  AttributePath path(runtime, or_none(bound[1]));
  std::optional<Keyed> best;
  for (const Value& item : iterate(runtime, input)) {
    Value key = path.read(runtime, item);
    if (!flag(bound[0])) key = ignore_case(runtime, key);
    if (!best || (largest ? less(runtime, best->key, key) : less(runtime, key, best->key))) {
      best = Keyed{key, item};
    }
  }
  if (!best) return runtime.undefined("No aggregated item, sequence was empty.");
  return best->item;
}

Value reverse(Runtime& runtime, const Value& input, Arguments& arguments) {
  bind_arguments("reverse", arguments, {});
  if (input.is_string()) {
    return get_slice(runtime, input, Value(), Value(), Value::integer(-1));
  }
  Values items = iterate(runtime, input);
  std::reverse(items.begin(), items.end());
  bool lazy = !input.is_sequence(SequenceKind::generator);
  return runtime.list(std::move(items), lazy ? SequenceKind::generator : SequenceKind::list);
}

int64_t positive(std::string_view what, const Value& value) {
  if (!value.is_integral() || value.as_integer() < 1) {
    fail(fmt::format("{} wants a positive integer", what));
  }
  return value.as_integer();
}

Value batch(Runtime& runtime, const Value& input, Arguments& arguments) {
  auto bound = bind_arguments("batch", arguments, {"linecount", "fill_with"}, 1);
  const auto size = static_cast<size_t>(positive("batch", *bound[0]));
  Values rows;
  Values row;
  for (const Value& item : iterate(runtime, input)) {
    if (row.size() == size) rows.push_back(runtime.list(std::exchange(row, {})));
    row.push_back(item);
  }
  if (!row.empty()) {
    if (bound[1] && !bound[1]->is_none() && row.size() < size) {
      runtime.require_items(size);
      row.resize(size, *bound[1]);
    }
    rows.push_back(runtime.list(std::move(row)));
  }
  return runtime.list(std::move(rows), SequenceKind::generator);
}

Value slice(Runtime& runtime, const Value& input, Arguments& arguments) {
  auto bound = bind_arguments("slice", arguments, {"slices", "fill_with"}, 1);
  const auto count = static_cast<size_t>(positive("slice", *bound[0]));
  Values all = iterate(runtime, input);
  runtime.require_items(count * 4);
  const size_t each = all.size() / count;
  const size_t longer = all.size() % count;
  Values slices;
  size_t start = 0;
  for (size_t i = 0; i < count; ++i) {
    size_t size = each + (i < longer ? 1 : 0);
    Values part(all.begin() + static_cast<std::ptrdiff_t>(start),
                all.begin() + static_cast<std::ptrdiff_t>(start + size));
    if (bound[1] && !bound[1]->is_none() && i >= longer) part.push_back(*bound[1]);
    slices.push_back(runtime.list(std::move(part)));
    start += size;
  }
  return runtime.list(std::move(slices), SequenceKind::generator);
}

Value attr(Runtime& runtime, const Value& input, Arguments& arguments) {
  auto bound = bind_arguments("attr", arguments, {"name"}, 1);
  std::string name = to_text(runtime, *bound[0]);
  if (input.is_undefined()) fail(input.text());
  if (auto found = find_attribute(runtime, input, name)) return *found;
  return runtime.undefined(
      fmt::format("'{} object' has no attribute '{}'", type_name(input), name));
}

}  // namespace

const FilterTable& sequence_filters() {
  static const FilterTable kFilters = {
      {"length", length},     {"count", length},    {"default", default_filter},
      {"d", default_filter},  {"join", join},       {"list", list},
      {"first", first},       {"last", last},       {"items", items},
      {"dictsort", dictsort}, {"sort", sort},       {"unique", unique},
      {"groupby", groupby},   {"sum", sum},         {"min", extreme<false>},
      {"max", extreme<true>}, {"reverse", reverse}, {"batch", batch},
      {"slice", slice},       {"attr", attr},
  };
  return kFilters;
}

}  // namespace ix::chat::jinja
