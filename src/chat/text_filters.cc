#include <fmt/format.h>

#include "chat/access.h"
#include "chat/builtins.h"
#include "chat/formatting.h"
#include "chat/methods.h"
#include "chat/operations.h"
#include "chat/printing.h"
#include "chat/text.h"

namespace ix::chat::jinja {
namespace {

// soft_str: markup stays markup.
Value soft_text(Runtime& runtime, const Value& value) {
  return value.is_string() ? value : runtime.string(to_text(runtime, value));
}

Value same_kind(Runtime& runtime, const Value& like, std::string text) {
  return runtime.string(std::move(text), like.string().markup);
}

int64_t whole_number(std::string_view what, const Value& value) {
  if (!value.is_integral()) {
    if (value.is_undefined()) fail(value.text());
    fail(fmt::format("{} wants an integer, not {}", what, type_name(value)));
  }
  return value.as_integer();
}

// A filter that is the str method of the same name, on any value.
template <const char* const& name>
Value by_method(Runtime& runtime, const Value& input, Arguments& arguments) {
  return find_string_method(name)(runtime, soft_text(runtime, input), arguments);
}
constexpr const char* kUpper = "upper";
constexpr const char* kLower = "lower";
constexpr const char* kCapitalize = "capitalize";

Value trim(Runtime& runtime, const Value& input, Arguments& arguments) {
  auto bound = bind_arguments("trim", arguments, {"chars"});
  Arguments forwarded;
  if (bound[0]) forwarded.positional.push_back(*bound[0]);
  return find_string_method("strip")(runtime, soft_text(runtime, input), forwarded);
}

Value title(Runtime& runtime, const Value& input, Arguments& arguments) {
  bind_arguments("title", arguments, {});
  constexpr std::string_view kBefore = "-({[<";
  Value text = soft_text(runtime, input);
  runtime.require(text.text().size() * 3);
  std::string out;
  const std::string& bytes = text.text();
  for (size_t i = 0; i < bytes.size();) {
    auto separates = [&](size_t at) {
      CodePoint c = decode_at(bytes, at);
      return is_space(c.value) ||
             (c.value < 0x80 && kBefore.find(static_cast<char>(c.value)) != kBefore.npos);
    };
    size_t end = i;
    const bool separator = separates(i);
    while (end < bytes.size() && separates(end) == separator) end += decode_at(bytes, end).length;
    std::string_view part = std::string_view(bytes).substr(i, end - i);
    size_t first = decode_at(part, 0).length;
    out += to_upper(part.substr(0, first));
    out += to_lower(part.substr(first));
    i = end;
  }
  return same_kind(runtime, text, std::move(out));
}

Value replace(Runtime& runtime, const Value& input, Arguments& arguments) {
  auto bound = bind_arguments("replace", arguments, {"old", "new", "count"}, 2);
  int64_t limit = bound[2] && !bound[2]->is_none() ? whole_number("replace", *bound[2]) : -1;
  return runtime.string(replace_text(runtime, to_text(runtime, input), to_text(runtime, *bound[0]),
                                     to_text(runtime, *bound[1]), limit));
}

Value indent(Runtime& runtime, const Value& input, Arguments& arguments) {
  auto bound = bind_arguments("indent", arguments, {"width", "first", "blank"});
  if (!input.is_string()) {
    if (input.is_undefined()) fail(input.text());
    fail(fmt::format("indent wants a string, not {}", type_name(input)));
  }
  std::string indention(4, ' ');
  if (bound[0] && bound[0]->is_string()) {
    indention = bound[0]->text();
  } else if (bound[0]) {
    auto width = std::max<int64_t>(0, whole_number("indent", *bound[0]));
    runtime.require(static_cast<size_t>(width));
    indention.assign(static_cast<size_t>(width), ' ');
  }
  const bool first = bound[1] && truthy(*bound[1]);
  const bool blank = bound[2] && truthy(*bound[2]);
  const std::string text = input.text() + "\n";
  TextBuffer out(runtime);
  bool at_first = true;
  for (std::string_view line : split_lines(text, false)) {
    if (!at_first) out.append("\n");
    if (at_first ? first : (blank || !line.empty())) out.append(indention);
    at_first = false;
    out.append(line);
  }
  return same_kind(runtime, input, out.release());
}

Value center(Runtime& runtime, const Value& input, Arguments& arguments) {
  auto bound = bind_arguments("center", arguments, {"width"});
  Arguments forwarded;
  forwarded.positional.push_back(bound[0].value_or(Value::integer(80)));
  return find_string_method("center")(runtime, soft_text(runtime, input), forwarded);
}

Value format(Runtime& runtime, const Value& input, Arguments& arguments) {
  if (!arguments.named.empty() && !arguments.positional.empty()) {
    fail("can't handle positional and keyword arguments at the same time");
  }
  Value values = runtime.tuple(arguments.positional);
  if (!arguments.named.empty()) {
    auto named = runtime.new_dict();
    for (const auto& [name, value] : arguments.named) named->set(runtime.string(name), value);
    values = runtime.dict(std::move(named));
  }
  return format_percent(runtime, soft_text(runtime, input), values);
}

Value as_string(Runtime& runtime, const Value& input, Arguments& arguments) {
  bind_arguments("string", arguments, {});
  return soft_text(runtime, input);
}

Value safe(Runtime& runtime, const Value& input, Arguments& arguments) {
  bind_arguments("safe", arguments, {});
  return runtime.string(to_text(runtime, input), true);
}

Value escape(Runtime& runtime, const Value& input, Arguments& arguments) {
  bind_arguments("escape", arguments, {});
  return escape_html(runtime, input);
}

Value force_escape(Runtime& runtime, const Value& input, Arguments& arguments) {
  bind_arguments("forceescape", arguments, {});
  return escape_html(runtime, runtime.string(to_text(runtime, input)));
}

Value wordcount(Runtime& runtime, const Value& input, Arguments& arguments) {
  bind_arguments("wordcount", arguments, {});
  const std::string text = to_text(runtime, input);
  int64_t words = 0;
  bool inside = false;
  for (size_t i = 0; i < text.size();) {
    CodePoint c = decode_at(text, i);
    bool word = is_alpha(c.value) || is_numeric(c.value) || c.value == U'_';
    if (word && !inside) ++words;
    inside = word;
    i += c.length;
  }
  return Value::integer(words);
}

Value truncate(Runtime& runtime, const Value& input, Arguments& arguments) {
  auto bound = bind_arguments("truncate", arguments, {"length", "killwords", "end", "leeway"});
  Value text = soft_text(runtime, input);
  const int64_t length = bound[0] ? whole_number("truncate", *bound[0]) : 255;
  Value end = bound[2].value_or(runtime.string("..."));
  if (!end.is_string()) fail("truncate wants a string as its end");
  const int64_t leeway = bound[3] && !bound[3]->is_none() ? whole_number("truncate", *bound[3]) : 5;
  const auto end_length = static_cast<int64_t>(end.string().length);
  if (length < end_length) fail(fmt::format("expected length >= {}, got {}", end_length, length));
  if (leeway < 0) fail(fmt::format("expected leeway >= 0, got {}", leeway));
  const auto have = static_cast<int64_t>(text.string().length);
  if (have <= length || have - length <= leeway) return text;
  std::string_view bytes = text.text();
  bytes = bytes.substr(0, byte_offset(bytes, static_cast<size_t>(length - end_length)));
  if (!bound[1] || !truthy(*bound[1])) bytes = rsplit_on(bytes, " ", 1)[0];
  return same_kind(runtime, text, std::string(bytes) + end.text());
}

Value tojson(Runtime& runtime, const Value& input, Arguments& arguments) {
  auto bound =
      bind_arguments("tojson", arguments, {"ensure_ascii", "indent", "separators", "sort_keys"});
  JsonStyle style;
  style.ensure_ascii = bound[0] && truthy(*bound[0]);
  style.sort_keys = bound[3] && truthy(*bound[3]);
  if (bound[1] && !bound[1]->is_none()) {
    style.indented = true;
    style.item_separator.assign(1, ',');
    if (bound[1]->is_string()) {
      style.indent = bound[1]->text();
    } else {
      auto width = std::max<int64_t>(0, whole_number("tojson's indent", *bound[1]));
      runtime.require(static_cast<size_t>(width));
      style.indent.assign(static_cast<size_t>(width), ' ');
    }
  }
  if (bound[2] && !bound[2]->is_none()) {
    Values pair = iterate(runtime, *bound[2]);
    if (pair.size() != 2 || !pair[0].is_string() || !pair[1].is_string()) {
      fail("tojson wants two strings as separators");
    }
    style.item_separator = pair[0].text();
    style.key_separator = pair[1].text();
  }
  return runtime.string(to_json(runtime, input, style));
}

Value urlencode(Runtime& runtime, const Value& input, Arguments& arguments) {
  bind_arguments("urlencode", arguments, {});
  if (!input.is_string() && is_iterable(input)) fail("urlencode of a collection is not supported");
  TextBuffer out(runtime);
  for (char c : to_text(runtime, input)) {
    auto byte = static_cast<unsigned char>(c);
    bool plain = byte < 0x80 && (std::isalnum(byte) != 0 ||
                                 std::string_view("_.-~/").find(c) != std::string_view::npos);
    if (plain) {
      out.append(1, c);
    } else {
      out.append(fmt::format("%{:02X}", byte));
    }
  }
  return runtime.string(out.release());
}

}  // namespace

const FilterTable& text_filters() {
  static const FilterTable kFilters = {
      {"upper", by_method<kUpper>},
      {"lower", by_method<kLower>},
      {"capitalize", by_method<kCapitalize>},
      {"trim", trim},
      {"title", title},
      {"replace", replace},
      {"indent", indent},
      {"center", center},
      {"format", format},
      {"string", as_string},
      {"safe", safe},
      {"escape", escape},
      {"e", escape},
      {"forceescape", force_escape},
      {"wordcount", wordcount},
      {"truncate", truncate},
      {"tojson", tojson},
      {"urlencode", urlencode},
  };
  return kFilters;
}

}  // namespace ix::chat::jinja
