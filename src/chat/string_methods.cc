// str's methods, but for those of string_predicates.cc.
#include <fmt/format.h>

#include <algorithm>
#include <unordered_map>

#include "chat/access.h"
#include "chat/formatting.h"
#include "chat/methods.h"
#include "chat/operations.h"
#include "chat/printing.h"
#include "chat/text.h"

namespace ix::chat::jinja {
namespace {

using Bound = std::vector<std::optional<Value>>;

const std::string& text_argument(std::string_view what, const Value& value) {
  if (!value.is_string()) {
    if (value.is_undefined()) fail(value.text());
    fail(fmt::format("{} argument must be str, not {}", what, type_name(value)));
  }
  return value.text();
}

int64_t integer_argument(std::string_view what, const Value& value) {
  if (!value.is_integral()) {
    if (value.is_undefined()) fail(value.text());
    fail(
        fmt::format("{}: '{}' object cannot be interpreted as an integer", what, type_name(value)));
  }
  return value.as_integer();
}

Value same_kind(Runtime& runtime, const Value& self, std::string text) {
  return runtime.string(std::move(text), self.string().markup);
}

template <Side side>
Value strip_method(Runtime& runtime, const Value& self, Arguments& arguments) {
  auto bound = bind_arguments("strip()", arguments, {"chars"});
  const std::string& text = self.text();
  if (!bound[0] || bound[0]->is_none()) {
    return same_kind(runtime, self, std::string(strip(text, side)));
  }
  const std::string& characters = text_argument("strip()", *bound[0]);
  runtime.step(1 + text.size() * characters.size() / 64);
  return same_kind(runtime, self, std::string(strip(text, side, characters)));
}

template <bool from_right>
Value split_method(Runtime& runtime, const Value& self, Arguments& arguments) {
  auto bound = bind_arguments("split()", arguments, {"sep", "maxsplit"});
  const int64_t max_split = bound[1] ? integer_argument("split()", *bound[1]) : -1;
  const std::string& text = self.text();
  runtime.step_bytes(text.size() * 4);
  runtime.require_items(text.size() / 2);
  std::vector<std::string_view> parts;
  if (!bound[0] || bound[0]->is_none()) {
    parts = from_right ? rsplit_space(text, max_split) : split_space(text, max_split);
  } else {
    const std::string& separator = text_argument("split()", *bound[0]);
    if (separator.empty()) fail("empty separator");
    parts =
        from_right ? rsplit_on(text, separator, max_split) : split_on(text, separator, max_split);
  }
  runtime.require_items(parts.size() * 4);
  Values items;
  items.reserve(parts.size());
  for (std::string_view part : parts) items.push_back(same_kind(runtime, self, std::string(part)));
  return runtime.list(std::move(items));
}

Value splitlines(Runtime& runtime, const Value& self, Arguments& arguments) {
  auto bound = bind_arguments("splitlines()", arguments, {"keepends"});
  auto lines = split_lines(self.text(), bound[0] && truthy(*bound[0]));
  runtime.require_items(lines.size() * 4);
  Values items;
  for (std::string_view line : lines) items.push_back(same_kind(runtime, self, std::string(line)));
  return runtime.list(std::move(items));
}

// The part of a string between optional start and stop arguments, and where it starts.
struct Window {
  std::string_view text;
  int64_t start;  // code points
  bool valid;     // false where start lies beyond the end
};

Window window(const Value& self, const Bound& bound) {
  const auto length = static_cast<int64_t>(self.string().length);
  auto clamped = [&](size_t which, int64_t absent) {
    if (!bound[which] || bound[which]->is_none()) return absent;
    int64_t position = integer_argument("slice index", *bound[which]);
    if (position < 0) position = std::max<int64_t>(0, position + length);
    return position;
  };
  int64_t start = clamped(1, 0);
  int64_t stop = std::min(clamped(2, length), length);
  if (start > length || start > stop) return {{}, start, false};
  std::string_view text = self.text();
  text.remove_prefix(byte_offset(text, static_cast<size_t>(start)));
  return {text.substr(0, byte_offset(text, static_cast<size_t>(stop - start))), start, true};
}

template <bool at_end>
Value starts_or_ends(Runtime& runtime, const Value& self, Arguments& arguments) {
  auto bound = bind_arguments("startswith()", arguments, {"prefix", "start", "end"}, 1);
  runtime.step();
  const Window part = window(self, bound);
  auto matches = [&](const Value& affix) {
    std::string_view text = text_argument("startswith()", affix);
    return part.valid && (at_end ? part.text.ends_with(text) : part.text.starts_with(text));
  };
  if (bound[0]->is_sequence(SequenceKind::tuple)) {
    const Values& choices = bound[0]->sequence().items;
    return Value::boolean(std::any_of(choices.begin(), choices.end(), matches));
  }
  return Value::boolean(matches(*bound[0]));
}

template <bool from_right, bool must_exist>
Value find_method(Runtime& runtime, const Value& self, Arguments& arguments) {
  auto bound = bind_arguments("find()", arguments, {"sub", "start", "end"}, 1);
  const std::string& wanted = text_argument("find()", *bound[0]);
  runtime.step_bytes(self.text().size());
  const Window part = window(self, bound);
  size_t found = std::string_view::npos;
  if (part.valid) found = from_right ? part.text.rfind(wanted) : part.text.find(wanted);
  if (found == std::string_view::npos) {
    if (must_exist) fail("substring not found");
    return Value::integer(-1);
  }
  return Value::integer(part.start +
                        static_cast<int64_t>(count_code_points(part.text.substr(0, found))));
}

Value count(Runtime& runtime, const Value& self, Arguments& arguments) {
  auto bound = bind_arguments("count()", arguments, {"sub", "start", "end"}, 1);
  const std::string& wanted = text_argument("count()", *bound[0]);
  runtime.step_bytes(self.text().size());
  const Window part = window(self, bound);
  if (!part.valid) return Value::integer(0);
  if (wanted.empty()) return Value::integer(static_cast<int64_t>(count_code_points(part.text)) + 1);
  int64_t times = 0;
  for (size_t i = part.text.find(wanted); i != std::string_view::npos;
       i = part.text.find(wanted, i + wanted.size())) {
    ++times;
  }
  return Value::integer(times);
}

}  // namespace

std::string replace_text(Runtime& runtime, std::string_view text, std::string_view old_text,
                         std::string_view new_text, int64_t limit) {
  TextBuffer out(runtime);
  size_t at = 0;
  for (int64_t done = 0; limit < 0 || done < limit; ++done) {
    size_t found = text.find(old_text, at);
    if (old_text.empty()) {
      // Before every character and at the end.
      out.append(new_text);
      if (at >= text.size()) return out.release();
      size_t length = decode_at(text, at).length;
      out.append(text.substr(at, length));
      at += length;
      continue;
    }
    if (found == std::string_view::npos) break;
    out.append(text.substr(at, found - at));
    out.append(new_text);
    at = found + old_text.size();
  }
  out.append(text.substr(at));
  return out.release();
}

namespace {

Value replace(Runtime& runtime, const Value& self, Arguments& arguments) {
  auto bound = bind_arguments("replace()", arguments, {"old", "new", "count"}, 2);
  int64_t limit = bound[2] ? integer_argument("replace()", *bound[2]) : -1;
  return same_kind(runtime, self,
                   replace_text(runtime, self.text(), text_argument("replace()", *bound[0]),
                                text_argument("replace()", *bound[1]), limit));
}

Value join(Runtime& runtime, const Value& self, Arguments& arguments) {
  auto bound = bind_arguments("join()", arguments, {"iterable"}, 1);
  const bool markup = self.string().markup;
  TextBuffer out(runtime);
  bool first = true;
  for (const Value& item : iterate(runtime, *bound[0])) {
    if (!item.is_string()) {
      fail(fmt::format("sequence item: expected str instance, {} found", type_name(item)));
    }
    if (!first) out.append(self.text());
    first = false;
    out.append(markup ? escape_html(runtime, item).text() : item.text());
  }
  return runtime.string(out.release(), markup);
}

template <std::string (*change)(std::string_view)>
Value change_case(Runtime& runtime, const Value& self, Arguments& arguments) {
  bind_arguments("a method that changes case", arguments, {});
  runtime.require(self.text().size() * 3);
  return same_kind(runtime, self, change(self.text()));
}

Value justify(Runtime& runtime, const Value& self, Arguments& arguments, Side text_side) {
  auto bound = bind_arguments("justify", arguments, {"width", "fillchar"}, 1);
  const int64_t width = integer_argument("width", *bound[0]);
  std::string fill = bound[1] ? text_argument("fillchar", *bound[1]) : " ";
  if (count_code_points(fill) != 1) {
    fail("The fill character must be exactly one character long");
  }
  const auto length = static_cast<int64_t>(self.string().length);
  if (width <= length) return self;
  const auto missing = static_cast<size_t>(width - length);
  size_t left = 0;
  if (text_side == Side::right) left = missing;
  // str.center puts the odd space to the left where the width is odd.
  if (text_side == Side::both) left = missing / 2 + (missing & static_cast<size_t>(width) & 1);
  runtime.require(missing);
  TextBuffer out(runtime);
  for (size_t i = 0; i < left; ++i) out.append(fill);
  out.append(self.text());
  for (size_t i = left; i < missing; ++i) out.append(fill);
  return same_kind(runtime, self, out.release());
}

Value ljust(Runtime& runtime, const Value& self, Arguments& arguments) {
  return justify(runtime, self, arguments, Side::left);
}
Value rjust(Runtime& runtime, const Value& self, Arguments& arguments) {
  return justify(runtime, self, arguments, Side::right);
}
Value center(Runtime& runtime, const Value& self, Arguments& arguments) {
  return justify(runtime, self, arguments, Side::both);
}

Value zfill(Runtime& runtime, const Value& self, Arguments& arguments) {
  auto bound = bind_arguments("zfill()", arguments, {"width"}, 1);
  const int64_t width = integer_argument("zfill()", *bound[0]);
  const auto length = static_cast<int64_t>(self.string().length);
  if (width <= length) return self;
  std::string_view text = self.text();
  TextBuffer out(runtime);
  if (text.starts_with('+') || text.starts_with('-')) {
    out.append(text.substr(0, 1));
    text.remove_prefix(1);
  }
  out.append(static_cast<size_t>(width - length), '0');
  out.append(text);
  return same_kind(runtime, self, out.release());
}

template <bool from_right>
Value partition(Runtime& runtime, const Value& self, Arguments& arguments) {
  auto bound = bind_arguments("partition()", arguments, {"sep"}, 1);
  const std::string& separator = text_argument("partition()", *bound[0]);
  if (separator.empty()) fail("empty separator");
  const std::string& text = self.text();
  size_t found = from_right ? text.rfind(separator) : text.find(separator);
  if (found == std::string::npos) {
    Value nothing = runtime.string("");
    return runtime.tuple(from_right ? Values{nothing, nothing, self}
                                    : Values{self, nothing, nothing});
  }
  return runtime.tuple({runtime.string(text.substr(0, found)), runtime.string(separator),
                        runtime.string(text.substr(found + separator.size()))});
}

template <bool suffix>
Value remove_affix(Runtime& runtime, const Value& self, Arguments& arguments) {
  auto bound = bind_arguments("removeprefix()", arguments, {"affix"}, 1);
  std::string_view affix = text_argument("removeprefix()", *bound[0]);
  std::string_view text = self.text();
  if (suffix && text.ends_with(affix)) text.remove_suffix(affix.size());
  if (!suffix && text.starts_with(affix)) text.remove_prefix(affix.size());
  return same_kind(runtime, self, std::string(text));
}

Value expandtabs(Runtime& runtime, const Value& self, Arguments& arguments) {
  auto bound = bind_arguments("expandtabs()", arguments, {"tabsize"});
  const int64_t size = bound[0] ? integer_argument("expandtabs()", *bound[0]) : 8;
  TextBuffer out(runtime);
  int64_t column = 0;
  const std::string& text = self.text();
  for (size_t i = 0; i < text.size();) {
    CodePoint c = decode_at(text, i);
    if (c.value == U'\t') {
      int64_t missing = size > 0 ? size - column % size : 0;
      out.append(static_cast<size_t>(missing), ' ');
      column += missing;
    } else {
      out.append(std::string_view(text).substr(i, c.length));
      column = c.value == U'\n' || c.value == U'\r' ? 0 : column + 1;
    }
    i += c.length;
  }
  return same_kind(runtime, self, out.release());
}

Value format(Runtime& runtime, const Value& self, Arguments& arguments) {
  return format_braces(runtime, self, arguments);
}

Value format_map(Runtime& runtime, const Value& self, Arguments& arguments) {
  auto bound = bind_arguments("format_map()", arguments, {"mapping"}, 1);
  if (!bound[0]->is(Kind::dict)) fail("format_map() wants a mapping");
  Arguments named;
  for (const auto& [key, value] : bound[0]->dict().entries) {
    if (key.is_string()) named.named.emplace_back(key.text(), value);
  }
  return format_braces(runtime, self, named);
}

}  // namespace

Method find_string_method(std::string_view name) {
  static const std::unordered_map<std::string_view, Method> kMethods = {
      {"strip", strip_method<Side::both>},
      {"lstrip", strip_method<Side::left>},
      {"rstrip", strip_method<Side::right>},
      {"split", split_method<false>},
      {"rsplit", split_method<true>},
      {"splitlines", splitlines},
      {"startswith", starts_or_ends<false>},
      {"endswith", starts_or_ends<true>},
      {"find", find_method<false, false>},
      {"rfind", find_method<true, false>},
      {"index", find_method<false, true>},
      {"rindex", find_method<true, true>},
      {"count", count},
      {"replace", replace},
      {"join", join},
      {"upper", change_case<to_upper>},
      {"lower", change_case<to_lower>},
      {"casefold", change_case<to_lower>},
      {"title", change_case<title_case>},
      {"capitalize", change_case<capitalize>},
      {"swapcase", change_case<swap_case>},
      {"ljust", ljust},
      {"rjust", rjust},
      {"center", center},
      {"zfill", zfill},
      {"partition", partition<false>},
      {"rpartition", partition<true>},
      {"removeprefix", remove_affix<false>},
      {"removesuffix", remove_affix<true>},
      {"expandtabs", expandtabs},
      {"format", format},
      {"format_map", format_map},
  };
  auto found = kMethods.find(name);
  return found == kMethods.end() ? find_string_predicate(name) : found->second;
}

}  // namespace ix::chat::jinja
