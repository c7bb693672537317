"""The chat of ix run, on a terminal of its own.

    chat_test.py IX TINY_MODELS
"""
import os
import tempfile

import pexpect

from command import IX, MODELS, CommandTest, main

MODEL = MODELS + "/llama-q4km.gguf"
# A prompt that is new: the line is drawn again after every key, but pasting is switched on once.
PROMPT = r"\x1b\[\?2004h\r> "

# Answers with the conversation's turns as the template sees them are not to be had from a random
# model, so a template that fails on demand shows what it was given.
SHOW = "{% if messages[-1].content == 'show' %}{{ raise_exception(" \
       "messages | map(attribute='role') | join(' ') ~ ':' ~ messages[0].content) }}{% endif %}x"


class ChatTest(CommandTest):
    def chat(self, *arguments, term="xterm"):
        environment = {**os.environ, "TERM": term}
        child = pexpect.spawn(IX, ["run", "-m", MODEL, "-s", "1", *arguments], encoding="utf-8",
                              codec_errors="replace", timeout=60, env=environment,
                              dimensions=(24, 120))
        self.addCleanup(child.close, force=True)
        return child

    def leave(self, child):
        child.expect(pexpect.EOF)
        child.close()
        self.assertEqual((child.exitstatus, child.signalstatus), (0, None))

    def with_template(self, text):
        file = tempfile.NamedTemporaryFile("w")
        self.addCleanup(file.close)
        file.write(text)
        file.flush()
        return ["--chat-template-file", file.name]

    def test_help_lists_the_commands(self):
        child = self.chat()
        child.expect(PROMPT)
        child.send("/help\r")
        for command in ("/help", "/clear", "/exit"):
            child.expect(command)
        child.expect(PROMPT)
        child.send("/nonsense\r")
        child.expect("unknown command /nonsense")
        child.expect(PROMPT)
        child.send("/exit\r")
        self.leave(child)

    def test_loading_is_shown_on_a_terminal(self):
        child = self.chat()
        child.expect("loading")
        child.expect(PROMPT)
        child.sendcontrol("d")
        self.leave(child)

    def test_ctrl_c_stops_the_answer_and_keeps_the_session(self):
        child = self.chat("--ignore-eos", "-c", "100000", "-t", "1", "--precise")
        child.expect(PROMPT)
        child.send("go on\r")
        child.expect("go on.*\n")
        child.expect("[^\r\n]")  # the answer has begun
        child.sendcontrol("c")
        child.expect(PROMPT)
        child.send("/help\r")
        child.expect("/clear")
        child.expect(PROMPT)
        child.sendcontrol("d")
        child.expect("peak memory")
        self.leave(child)

    def test_a_second_ctrl_c_leaves(self):
        child = self.chat()
        child.expect(PROMPT)
        child.sendcontrol("c")
        child.expect("Ctrl-C again")
        child.expect(PROMPT)
        child.sendcontrol("c")
        self.leave(child)

    def test_ctrl_c_clears_a_line(self):
        child = self.chat()
        child.expect(PROMPT)
        child.send("half a line")
        child.sendcontrol("c")
        child.expect("\\^C")
        child.expect(PROMPT)
        child.send("/help\r")
        child.expect("/clear")
        child.expect(PROMPT)
        child.sendcontrol("d")
        self.leave(child)

    def test_the_conversation_is_remembered_until_it_is_cleared(self):
        child = self.chat("-n", "2", "-sys", "brief", *self.with_template(SHOW))
        for text in ("first", "second"):
            child.expect(PROMPT)
            child.send(text + "\r")
        child.expect(PROMPT)
        child.send("show\r")
        child.expect("system user assistant user assistant user:brief")
        child.expect(PROMPT)
        child.send("/clear\r")
        child.expect("forgotten")
        child.expect(PROMPT)
        child.send("show\r")
        child.expect("system user:brief")
        child.expect(PROMPT)
        child.sendcontrol("d")
        self.leave(child)

    def test_a_turn_that_does_not_fit_is_refused_and_forgotten(self):
        child = self.chat("-n", "2", "-c", "40")
        child.expect(PROMPT)
        child.send("x" * 100 + "\r")
        child.expect("the prompt has \\d+ tokens, but the context holds 40")
        child.expect(PROMPT)
        child.send("hi\r")
        child.expect(PROMPT)
        child.sendcontrol("d")
        self.leave(child)

    def test_lines_can_be_edited_and_brought_back(self):
        template = "{{ raise_exception('<' ~ messages[-1].content ~ '>') }}"
        child = self.chat(*self.with_template(template))
        child.expect(PROMPT)
        child.send("bcx\x7f\x01a\x05d\r")  # backspace, to the beginning, to the end
        child.expect("<abcd>")
        child.expect(PROMPT)
        child.send("other\r")
        child.expect("<other>")
        child.expect(PROMPT)
        child.send("\x1b[A\x1b[A!\r")  # twice up
        child.expect("<abcd!>")
        child.expect(PROMPT)
        child.send("\u00e9\u20ac\x1b[D\x7f\r")  # left, then the character before goes
        child.expect("<\u20ac>")
        child.expect(PROMPT)
        child.send("one two\x17three\r")  # the last word goes
        child.expect("<one three>")
        child.expect(PROMPT)
        child.send("\x1b[200~two\nlines\x1b[201~\r")  # pasted
        child.expect("<two lines>")  # an error is one line
        child.expect(PROMPT)
        child.sendcontrol("d")
        self.leave(child)

    def test_a_terminal_that_cannot_edit(self):
        template = "{{ raise_exception('<' ~ messages[-1].content ~ '>') }}"
        child = self.chat(*self.with_template(template), term="dumb")
        child.expect("> ")
        child.sendline("plain")
        child.expect("<plain>")
        child.expect("> ")
        child.sendeof()
        self.leave(child)

    def test_a_single_turn_leaves_after_the_answer(self):
        child = self.chat("-st", "-n", "3")
        child.expect(PROMPT)
        child.send("hi\r")
        child.expect("peak memory")
        self.leave(child)

    def test_json_needs_a_prompt(self):
        child = self.chat("--json")
        child.expect("ix: --json needs a prompt")
        child.expect(pexpect.EOF)
        child.close()
        self.assertEqual(child.exitstatus, 2)


if __name__ == "__main__":
    main()
