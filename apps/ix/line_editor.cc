#include "line_editor.h"

#include <poll.h>
#include <sys/ioctl.h>
#include <termios.h>
#include <unistd.h>
#include <utf8proc.h>

#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <string_view>

#include "terminal.h"
#include "tokenizer/utf8.h"

namespace ix::cli {
namespace {

constexpr int kEscapeWaitMs = 50;  // a lone Esc is followed by nothing
constexpr char kEscape = 27;

// Keys one at a time, unechoed, while alive.
class RawMode {
 public:
  RawMode() {
    active_ = tcgetattr(STDIN_FILENO, &saved_) == 0;
    if (!active_) return;
    termios raw = saved_;
    raw.c_iflag &= ~static_cast<tcflag_t>(BRKINT | ICRNL | INPCK | ISTRIP | IXON);
    raw.c_lflag &= ~static_cast<tcflag_t>(ECHO | ICANON | IEXTEN | ISIG);
    raw.c_cc[VMIN] = 1;
    raw.c_cc[VTIME] = 0;
    tcsetattr(STDIN_FILENO, TCSADRAIN, &raw);
    std::fputs("\x1b[?2004h", stdout);  // mark pasted text
  }
  ~RawMode() {
    if (!active_) return;
    std::fputs("\x1b[?2004l", stdout);
    std::fflush(stdout);
    tcsetattr(STDIN_FILENO, TCSADRAIN, &saved_);
  }
  RawMode(const RawMode&) = delete;
  RawMode& operator=(const RawMode&) = delete;

 private:
  termios saved_ = {};
  bool active_ = false;
};

std::optional<unsigned char> read_byte(int timeout_ms = -1) {
  pollfd input = {STDIN_FILENO, POLLIN, 0};
  if (timeout_ms >= 0 && poll(&input, 1, timeout_ms) <= 0) return std::nullopt;
  unsigned char byte = 0;
  ssize_t n = 0;
  do {
    n = ::read(STDIN_FILENO, &byte, 1);
  } while (n < 0 && errno == EINTR);
  if (n != 1) return std::nullopt;
  return byte;
}

// Columns that a character takes; control characters are shown as one space.
int width_of(const std::string& character) {
  utf8proc_int32_t code = 0;
  utf8proc_iterate(reinterpret_cast<const utf8proc_uint8_t*>(character.data()),
                   static_cast<utf8proc_ssize_t>(character.size()), &code);
  return code < 0x20 ? 1 : utf8proc_charwidth(code);
}

int columns() {
  winsize size = {};
  return ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) == 0 && size.ws_col > 0 ? size.ws_col : 80;
}

std::vector<std::string> split_characters(std::string_view text) {
  std::vector<std::string> out;
  while (!text.empty()) {
    const size_t length = tokenizer::utf8_step(text).length;
    out.emplace_back(text.substr(0, length));
    text.remove_prefix(length);
  }
  return out;
}

bool can_edit() {
  const char* term = std::getenv("TERM");
  return stdin_is_terminal() && stdout_is_terminal() && term != nullptr &&
         std::string_view(term) != "dumb";
}

}  // namespace

LineEditor::Input LineEditor::read(const std::string& prompt) {
  Input input = can_edit() ? edit(prompt) : read_plain(prompt);
  const bool is_new = history_.empty() || history_.back() != input.line;
  if (input.end == End::line && !input.line.empty() && is_new) history_.push_back(input.line);
  return input;
}

LineEditor::Input LineEditor::read_plain(const std::string& prompt) {
  if (stdout_is_terminal()) print_text(prompt);
  std::string line;
  while (const auto byte = read_byte()) {
    if (*byte == '\n') return {line, End::line};
    line += static_cast<char>(*byte);
  }
  return {line, line.empty() ? End::end_of_input : End::line};
}

LineEditor::Input LineEditor::edit(const std::string& prompt) {
  const RawMode raw;
  characters_.clear();
  cursor_ = 0;
  recalled_ = history_.size();
  while (true) {
    draw(prompt);
    const auto key = read_byte();
    if (!key) return {text(), End::end_of_input};
    if (const auto end = handle(*key)) {
      cursor_ = characters_.size();
      draw(prompt);
      std::fputs(*end == End::interrupt ? "^C\r\n" : "\r\n", stdout);
      return {text(), *end};
    }
  }
}

std::optional<LineEditor::End> LineEditor::handle(unsigned char key) {
  const auto control = [](char letter) { return static_cast<unsigned char>(letter & 0x1F); };
  if (key == '\r' || key == '\n') return End::line;
  if (key == control('C')) return End::interrupt;
  if (key == control('D')) {
    if (characters_.empty()) return End::end_of_input;
    erase(cursor_, cursor_ + 1);
  } else if (key == control('A')) {
    cursor_ = 0;
  } else if (key == control('E')) {
    cursor_ = characters_.size();
  } else if (key == control('B')) {
    cursor_ -= cursor_ > 0 ? 1 : 0;
  } else if (key == control('F')) {
    cursor_ = std::min(cursor_ + 1, characters_.size());
  } else if (key == control('K')) {
    erase(cursor_, characters_.size());
  } else if (key == control('U')) {
    erase(0, cursor_);
  } else if (key == control('W')) {
    erase_word();
  } else if (key == control('L')) {
    std::fputs("\x1b[H\x1b[2J", stdout);
  } else if (key == control('P') || key == control('N')) {
    recall(key == control('P'));
  } else if (key == 0x7F || key == control('H')) {
    if (cursor_ > 0) erase(cursor_ - 1, cursor_);
  } else if (key == kEscape) {
    handle_escape();
  } else if (key >= 0x20 || key == '\t') {
    insert(key);
  }
  return std::nullopt;
}

// The rest of an escape sequence: "[A", "OH", "[3~", "[200~", "[1;5C".
void LineEditor::handle_escape() {
  const auto kind = read_byte(kEscapeWaitMs);
  if (!kind || (*kind != '[' && *kind != 'O')) return;
  std::string number;
  auto last = read_byte(kEscapeWaitMs);
  while (last && (*last == ';' || (*last >= '0' && *last <= '9')) && number.size() < 16) {
    number += static_cast<char>(*last);
    last = read_byte(kEscapeWaitMs);
  }
  if (!last) return;
  if (*last == 'A' || *last == 'B') recall(*last == 'A');
  if (*last == 'C') cursor_ = std::min(cursor_ + 1, characters_.size());
  if (*last == 'D') cursor_ -= cursor_ > 0 ? 1 : 0;
  if (*last == 'H' || (*last == '~' && (number == "1" || number == "7"))) cursor_ = 0;
  if (*last == 'F' || (*last == '~' && (number == "4" || number == "8"))) {
    cursor_ = characters_.size();
  }
  if (*last == '~' && number == "3") erase(cursor_, cursor_ + 1);
  if (*last == '~' && number == "200") paste();
}

// Pasted text, until "Esc [201~"; its newlines stay in the line.
void LineEditor::paste() {
  constexpr std::string_view kEnd = "\x1b[201~";
  std::string pasted;
  while (const auto byte = read_byte()) {
    pasted += *byte == '\r' ? '\n' : static_cast<char>(*byte);
    if (pasted.ends_with(kEnd)) break;
  }
  if (pasted.ends_with(kEnd)) pasted.resize(pasted.size() - kEnd.size());
  const auto added = split_characters(pasted);
  characters_.insert(characters_.begin() + static_cast<ptrdiff_t>(cursor_), added.begin(),
                     added.end());
  cursor_ += added.size();
}

void LineEditor::insert(unsigned char first) {
  std::string character(1, static_cast<char>(first));
  while (tokenizer::utf8_step(character).state == tokenizer::Utf8State::truncated) {
    const auto next = read_byte(kEscapeWaitMs);
    if (!next) return;
    character += static_cast<char>(*next);
  }
  if (tokenizer::utf8_step(character).state != tokenizer::Utf8State::valid) return;
  characters_.insert(characters_.begin() + static_cast<ptrdiff_t>(cursor_), std::move(character));
  ++cursor_;
}

void LineEditor::erase(size_t from, size_t to) {
  to = std::min(to, characters_.size());
  if (from >= to) return;
  characters_.erase(characters_.begin() + static_cast<ptrdiff_t>(from),
                    characters_.begin() + static_cast<ptrdiff_t>(to));
  cursor_ = from;
}

void LineEditor::erase_word() {
  size_t from = cursor_;
  while (from > 0 && characters_[from - 1] == " ") --from;
  while (from > 0 && characters_[from - 1] != " ") --from;
  erase(from, cursor_);
}

void LineEditor::recall(bool earlier) {
  if (earlier ? recalled_ == 0 : recalled_ == history_.size()) return;
  if (recalled_ == history_.size()) draft_ = text();
  recalled_ += earlier ? size_t(-1) : size_t(1);
  characters_ = split_characters(recalled_ == history_.size() ? draft_ : history_[recalled_]);
  cursor_ = characters_.size();
}

// The part of the line around the cursor that fits, in one row.
void LineEditor::draw(const std::string& prompt) const {
  const int room = std::max(8, columns() - static_cast<int>(prompt.size()) - 1);
  size_t begin = cursor_;
  int before = 0;
  while (begin > 0 && before + width_of(characters_[begin - 1]) <= room) {
    before += width_of(characters_[--begin]);
  }
  std::string shown;
  int used = 0;
  for (size_t i = begin; i < characters_.size(); ++i) {
    used += width_of(characters_[i]);
    if (used > room) break;
    shown += static_cast<unsigned char>(characters_[i][0]) < 0x20 ? " " : characters_[i];
  }
  std::string out = "\r" + prompt + shown + "\x1b[K\r";
  out += "\x1b[" + std::to_string(static_cast<int>(prompt.size()) + before) + "C";
  std::fputs(out.c_str(), stdout);
  std::fflush(stdout);
}

std::string LineEditor::text() const {
  std::string out;
  for (const std::string& character : characters_) out += character;
  return out;
}

}  // namespace ix::cli
