// A line from a terminal, with editing and history.
#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <vector>

namespace ix::cli {

class LineEditor {
 public:
  enum class End { line, interrupt, end_of_input };
  struct Input {
    std::string line;  // for interrupt: what had been typed
    End end;
  };

  // Keys: arrows, Home, End, Delete, Ctrl-A E B F K U W L P N, paste of several lines. Without a
  // terminal that can move its cursor, a plain line.
  Input read(const std::string& prompt);

 private:
  Input read_plain(const std::string& prompt);
  Input edit(const std::string& prompt);
  // One key; the result when it ended the line.
  std::optional<End> handle(unsigned char key);
  void handle_escape();
  void paste();
  void insert(unsigned char first);
  void erase(size_t from, size_t to);
  void erase_word();
  void recall(bool earlier);
  void draw(const std::string& prompt) const;
  std::string text() const;

  std::vector<std::string> history_;
  size_t recalled_ = 0;  // index into history_; its size = the new line
  std::string draft_;    // the new line while an old one is shown

  std::vector<std::string> characters_;  // UTF-8 characters of the line
  size_t cursor_ = 0;                    // index into characters_
};

}  // namespace ix::cli
