// str's methods that say what kind of characters it has.
#include <algorithm>
#include <unordered_map>

#include "chat/methods.h"
#include "chat/text.h"

namespace ix::chat::jinja {
namespace {

template <bool (*test)(char32_t)>
Value all_are(Runtime& runtime, const Value& self, Arguments& arguments) {
  bind_arguments("a method that tests characters", arguments, {});
  const std::string& text = self.text();
  runtime.step_bytes(text.size());
  for (size_t i = 0; i < text.size();) {
    CodePoint c = decode_at(text, i);
    if (!test(c.value)) return Value::boolean(false);
    i += c.length;
  }
  return Value::boolean(!text.empty());
}

bool is_alphanumeric(char32_t c) { return is_alpha(c) || is_numeric(c); }

Value isascii(Runtime&, const Value& self, Arguments& arguments) {
  bind_arguments("isascii()", arguments, {});
  const std::string& text = self.text();
  return Value::boolean(std::all_of(text.begin(), text.end(), [](char c) { return c >= 0; }));
}

Value isprintable(Runtime& runtime, const Value& self, Arguments& arguments) {
  if (self.text().empty()) return Value::boolean(true);
  return all_are<is_printable>(runtime, self, arguments);
}

Value isidentifier(Runtime&, const Value& self, Arguments& arguments) {
  bind_arguments("isidentifier()", arguments, {});
  const std::string& text = self.text();
  bool first = true;
  for (size_t i = 0; i < text.size(); first = false) {
    CodePoint c = decode_at(text, i);
    if (c.value != U'_' && !is_alpha(c.value) && (first || !is_decimal(c.value))) {
      return Value::boolean(false);
    }
    i += c.length;
  }
  return Value::boolean(!text.empty());
}

Value istitle(Runtime&, const Value& self, Arguments& arguments) {
  bind_arguments("istitle()", arguments, {});
  bool after_cased = false;
  bool any = false;
  const std::string& text = self.text();
  for (size_t i = 0; i < text.size();) {
    CodePoint c = decode_at(text, i);
    if (is_upper(c.value) ? after_cased : (is_lower(c.value) && !after_cased)) {
      return Value::boolean(false);
    }
    after_cased = is_cased(c.value);
    any = any || after_cased;
    i += c.length;
  }
  return Value::boolean(any);
}

template <bool (*has)(char32_t), bool (*forbids)(char32_t)>
Value cased_only(Runtime& runtime, const Value& self, Arguments& arguments) {
  bind_arguments("isupper() and islower()", arguments, {});
  runtime.step_bytes(self.text().size());
  return Value::boolean(is_all_case(self.text(), has, forbids));
}

bool not_upper(char32_t c) { return is_cased(c) && !is_upper(c); }
bool not_lower(char32_t c) { return is_cased(c) && !is_lower(c); }

}  // namespace

Method find_string_predicate(std::string_view name) {
  static const std::unordered_map<std::string_view, Method> kMethods = {
      {"isalpha", all_are<is_alpha>},
      {"isdigit", all_are<is_digit>},
      {"isdecimal", all_are<is_decimal>},
      {"isnumeric", all_are<is_numeric>},
      {"isalnum", all_are<is_alphanumeric>},
      {"isspace", all_are<is_space>},
      {"isascii", isascii},
      {"isprintable", isprintable},
      {"isidentifier", isidentifier},
      {"istitle", istitle},
      {"isupper", cased_only<is_upper, not_upper>},
      {"islower", cased_only<is_lower, not_lower>},
  };
  auto found = kMethods.find(name);
  return found == kMethods.end() ? nullptr : found->second;
}

}  // namespace ix::chat::jinja
