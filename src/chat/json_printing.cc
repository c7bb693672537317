// json.dumps as Python's standard library writes it.
#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "chat/operations.h"
#include "chat/printing.h"
#include "chat/text.h"

namespace ix::chat::jinja {
namespace {

class JsonWriter {
 public:
  JsonWriter(Runtime& runtime, const JsonStyle& style)
      : runtime_(runtime), style_(style), out_(runtime) {}

  void write(const Value& value) {
    runtime_.step();
    switch (value.kind()) {
      case Kind::none:
        return out_.append("null");
      case Kind::boolean:
        return out_.append(value.as_boolean() ? "true" : "false");
      case Kind::integer:
        return out_.append(std::to_string(value.as_integer()));
      case Kind::real:
        return out_.append(number_text(value.as_real()));
      case Kind::string:
        return write_string(value.text());
      case Kind::sequence:
        if (value.is_sequence(SequenceKind::list) || value.is_sequence(SequenceKind::tuple)) {
          return write_list(value.sequence().items);
        }
        break;
      case Kind::dict:
        return write_dict(value.dict());
      default:
        break;
    }
    fail(fmt::format("Object of type {} is not JSON serializable", type_name(value)));
  }

  std::string finish() { return out_.release(); }

 private:
  static std::string number_text(double number) {
    if (std::isnan(number)) return "NaN";
    if (std::isinf(number)) return number < 0 ? "-Infinity" : "Infinity";
    return real_text(number);
  }

  void write_escape(char32_t unit) {
    out_.append(fmt::format("\\u{:04x}", static_cast<uint32_t>(unit)));
  }

  void write_beyond_ascii(std::string_view bytes, char32_t c) {
    if (!style_.ensure_ascii) return out_.append(bytes);
    if (c < 0x10000) return write_escape(c);
    write_escape(0xD800 + ((c - 0x10000) >> 10));
    write_escape(0xDC00 + ((c - 0x10000) & 0x3FF));
  }

  void write_string(std::string_view text) {
    constexpr std::string_view kEscaped = "\"\\\n\r\t\f\b";
    constexpr std::string_view kLetters = "\"\\nrtfb";
    out_.append("\"");
    for (size_t i = 0; i < text.size();) {
      CodePoint c = decode_at(text, i);
      size_t known = c.value < 0x80 ? kEscaped.find(static_cast<char>(c.value)) : kEscaped.npos;
      if (known != kEscaped.npos) {
        out_.append("\\");
        out_.append(kLetters.substr(known, 1));
      } else if (c.value < 0x20) {
        write_escape(c.value);
      } else if (c.value < 0x80) {
        out_.append(text.substr(i, 1));
      } else {
        write_beyond_ascii(text.substr(i, c.length), c.value);
      }
      i += c.length;
    }
    out_.append("\"");
  }

  void new_line() {
    if (!style_.indented) return;
    out_.append("\n");
    for (int i = 0; i < level_; ++i) out_.append(style_.indent);
  }

  void write_list(const Values& items) {
    if (items.empty()) return out_.append("[]");
    out_.append("[");
    ++level_;
    for (size_t i = 0; i < items.size(); ++i) {
      if (i > 0) out_.append(style_.item_separator);
      new_line();
      write(items[i]);
    }
    --level_;
    new_line();
    out_.append("]");
  }

  static std::string key_text(const Value& key) {
    switch (key.kind()) {
      case Kind::string:
        return key.text();
      case Kind::none:
        return "null";
      case Kind::boolean:
        return key.as_boolean() ? "true" : "false";
      case Kind::integer:
        return std::to_string(key.as_integer());
      case Kind::real:
        return number_text(key.as_real());
      default:
        fail(fmt::format("keys must be str, int, float, bool or None, not {}", type_name(key)));
    }
  }

  void write_dict(const DictObject& dict) {
    if (dict.entries.empty()) return out_.append("{}");
    runtime_.require_items(2 * dict.entries.size());
    auto entries = dict.entries;
    if (style_.sort_keys) {
      std::stable_sort(entries.begin(), entries.end(), [&](const auto& a, const auto& b) {
        return less(runtime_, a.first, b.first);
      });
    }
    out_.append("{");
    ++level_;
    bool first = true;
    for (const auto& [key, value] : entries) {
      if (!first) out_.append(style_.item_separator);
      first = false;
      new_line();
      write_string(key_text(key));
      out_.append(style_.key_separator);
      write(value);
    }
    --level_;
    new_line();
    out_.append("}");
  }

  Runtime& runtime_;
  const JsonStyle& style_;
  TextBuffer out_;
  int level_ = 0;
};

}  // namespace

std::string to_json(Runtime& runtime, const Value& value, const JsonStyle& style) {
  JsonWriter writer(runtime, style);
  writer.write(value);
  return writer.finish();
}

}  // namespace ix::chat::jinja
