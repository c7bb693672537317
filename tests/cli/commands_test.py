"""ix without a run: help, wrong command lines, tokenize, detokenize, inspect.

    commands_test.py IX TINY_MODELS
"""
import json
import os
import subprocess
import tempfile

from command import IX, MODELS, CommandTest, ix, main

MODEL = MODELS + "/llama-q4km.gguf"
COMMANDS = ["run", "tokenize", "detokenize", "inspect", "bench", "compile", "cache", "doctor", "synth"]


class Help(CommandTest):
    def test_version_is_one_line(self):
        self.assertRegex(self.succeeds("--version").decode(), r"\Aix \d+\.\d+\.\d+\n\Z")

    def test_help_has_an_example_of_every_command(self):
        text = self.succeeds("--help").decode()
        examples = text[text.index("Examples:"):]
        for command in COMMANDS:
            self.assertIn(f"ix {command} ", examples)

    def test_every_command_has_help_with_examples(self):
        for command in COMMANDS:
            text = self.succeeds(command, "--help").decode()
            self.assertIn(f"ix {command} ", text[text.index("Examples:"):])


class WrongCommandLine(CommandTest):
    def test_no_command(self):
        self.assertIn("run, tokenize, detokenize, inspect, bench, compile, cache, doctor, synth", self.fails(2))

    def test_unknown_command_with_suggestion(self):
        self.assertEqual(self.fails(2, "tokenise"),
                         "unknown command 'tokenise' (did you mean tokenize?)")

    def test_unknown_flags_with_suggestion(self):
        for wrong, right in [("--tmep", "--temp"), ("--topk", "--top-k"), ("-temp", "--temp"),
                             ("--sistem-prompt", "--system-prompt"), ("--tmep=1", "--temp")]:
            name = wrong.split("=")[0]
            self.assertEqual(self.fails(2, "run", "-m", MODEL, wrong, "1"),
                             f"unknown flag {name} (did you mean {right}?)")

    def test_unknown_flag_without_suggestion(self):
        self.assertEqual(self.fails(2, "run", "--completely-different"),
                         "unknown flag --completely-different; see ix run --help")

    def test_a_value_that_looks_like_a_flag_is_a_value(self):
        message = self.fails(2, "run", "-m", MODEL, "-p", "--tmep", "-c", "4")
        self.assertIn("the context holds 4", message)

    def test_flag_without_value(self):
        self.assertEqual(self.fails(2, "run", "-m", MODEL, "--top-p"), "--top-p needs a value")
        self.assertEqual(self.fails(2, "run", "-m", MODEL, "-p"), "-p needs a value")

    def test_value_of_a_flag_that_takes_none(self):
        self.assertEqual(self.fails(2, "run", "-m", MODEL, "--json=yes"), "--json takes no value")

    def test_of_a_flag_given_twice_the_last_counts(self):
        twice = self.succeeds("tokenize", "-m", "/nowhere", "-p", "a", "-m", MODEL, "-p", "b")
        self.assertEqual(twice, self.succeeds("tokenize", "-m", MODEL, "-p", "b"))

    def test_unexpected_argument(self):
        self.assertEqual(self.fails(2, "run", "-m", MODEL, "-p", "x", "more"),
                         "unexpected argument 'more'")

    def test_no_model(self):
        for arguments in (["run", "-p", "x"], ["run"], ["tokenize"]):
            self.assertEqual(self.fails(2, *arguments), "give a model: -m FILE.gguf")


class FullDisk(CommandTest):
    def test_lost_output_is_an_error(self):
        for arguments, stdin in [(["run", "-m", MODEL, "-p", "x", "-n", "3"], b""),
                                 (["run", "-m", MODEL, "-p", "x", "-n", "3", "--json"], b""),
                                 (["tokenize", "-m", MODEL, "-p", "x"], b""),
                                 (["tokenize", "-m", MODEL, "--jsonl"], b'"x"\n'),
                                 (["inspect", MODEL], b"")]:
            with open("/dev/full", "wb") as full:
                done = subprocess.run([IX, *arguments], input=stdin, stdout=full,
                                      stderr=subprocess.PIPE, timeout=60)
            self.assertEqual(done.returncode, 1, arguments)
            self.assertIn(b"ix: standard output could not be written\n", done.stderr)


class WrongFile(CommandTest):
    def setUp(self):
        self.directory = tempfile.TemporaryDirectory()
        self.addCleanup(self.directory.cleanup)

    def file(self, content):
        path = os.path.join(self.directory.name, "file.gguf")
        with open(path, "wb") as file:
            file.write(content)
        return path

    def every_command_fails(self, path, *expected, before=()):
        for arguments in (["run", "-p", "x", "-m", path], ["tokenize", "-p", "x", "-m", path],
                          ["inspect", path]):
            code, out, err = ix(*arguments, before=before)
            self.assertIn(code, (1, 2), arguments)
            self.assertEqual(out, b"")
            self.assertEqual(err.count(b"\n"), 1, err)
            for part in [path, *expected]:
                self.assertIn(part, err.decode())

    def test_no_file(self):
        self.every_command_fails("/nowhere/model.gguf")

    def test_empty_file(self):
        self.every_command_fails(self.file(b""), "empty")

    def test_text_file(self):
        self.every_command_fails(self.file(b"This is a text, and not a model.\n" * 10), "GGUF")

    def test_truncated_models(self):
        with open(MODEL, "rb") as file:
            whole = file.read()
        for size in (3, 4, 20, 500, 5000, len(whole) // 2, len(whole) - 1):
            self.every_command_fails(self.file(whole[:size]))

    def test_directory(self):
        self.every_command_fails(self.directory.name, "directory")

    def test_no_permission(self):
        path = self.file(b"GGUF")
        os.chmod(path, 0)
        # Root reads everything, unless it gives that right up.
        dropped = ["setpriv", "--bounding-set", "-dac_override,-dac_read_search"]
        self.every_command_fails(path, "no permission",
                                 before=dropped if os.geteuid() == 0 else [])


class Tokenize(CommandTest):
    def test_ids_begin_with_bos(self):
        ids = [int(x) for x in self.succeeds("tokenize", "-m", MODEL, "-p", "ab").split()]
        self.assertEqual(ids[0], 1)
        without = self.succeeds("tokenize", "-m", MODEL, "-p", "ab", "--no-bos")
        self.assertEqual([int(x) for x in without.split()], ids[1:])

    def test_json_is_an_array_of_the_same_ids(self):
        plain = self.succeeds("tokenize", "-m", MODEL, "-p", "a b")
        array = json.loads(self.succeeds("tokenize", "-m", MODEL, "-p", "a b", "--json"))
        self.assertEqual(array, [int(x) for x in plain.split()])

    def test_text_comes_from_file_or_pipe_byte_by_byte(self):
        text = "två\nrader\n".encode()
        with tempfile.NamedTemporaryFile() as file:
            file.write(text)
            file.flush()
            from_file = self.succeeds("tokenize", "-m", MODEL, "-f", file.name)
        self.assertEqual(from_file, self.succeeds("tokenize", "-m", MODEL, stdin=text))
        self.assertNotEqual(from_file, self.succeeds("tokenize", "-m", MODEL, stdin=text[:-1]))

    def test_special_tokens_are_parsed_only_when_asked(self):
        plain = json.loads(self.succeeds("tokenize", "-m", MODEL, "-p", "a</s>", "--json"))
        special = json.loads(
            self.succeeds("tokenize", "-m", MODEL, "-p", "a</s>", "--json", "--special"))
        self.assertNotIn(2, plain)
        self.assertEqual(special[-1], 2)

    def test_many_texts_a_line_each(self):
        texts = ["one", "two\nlines", "", "smile \U0001F600", "\x00"]
        lines = "".join(json.dumps(text) + "\n" for text in texts).encode()
        out = self.succeeds("tokenize", "-m", MODEL, "--jsonl", stdin=lines).splitlines()
        single = [json.loads(self.succeeds("tokenize", "-m", MODEL, "--json", stdin=text.encode()))
                  for text in texts]
        self.assertEqual([json.loads(line) for line in out], single)

    def test_a_wrong_line_is_named(self):
        code, out, err = ix("tokenize", "-m", MODEL, "--jsonl", stdin=b'"a"\n[1]\n')
        self.assertEqual((code, out.count(b"\n"), err), (1, 1, b"ix: line 2: not a JSON string\n"))

    def test_deeply_nested_json_is_refused(self):
        self.assertIn("line 1", self.fails(1, "tokenize", "-m", MODEL, "--jsonl",
                                           stdin=b"[" * 1_000_000))


class Detokenize(CommandTest):
    TEXTS = ["Hello world", " two  spaces ", "line\nline\n", "\u00e9\u20ac\U0001F600"]

    def test_gives_the_text_back(self):
        for text in self.TEXTS:
            ids = self.succeeds("tokenize", "-m", MODEL, stdin=text.encode())
            self.assertEqual(self.succeeds("detokenize", "-m", MODEL, stdin=ids).decode(), text)
            back = self.succeeds("detokenize", "-m", MODEL, *ids.decode().split())
            self.assertEqual(back.decode(), text)

    def test_many_texts_a_line_each(self):
        lines = "".join(json.dumps(text) + "\n" for text in self.TEXTS).encode()
        ids = self.succeeds("tokenize", "-m", MODEL, "--jsonl", stdin=lines)
        back = self.succeeds("detokenize", "-m", MODEL, "--jsonl", stdin=ids)
        self.assertEqual([json.loads(line) for line in back.splitlines()], self.TEXTS)

    def test_control_tokens_show_only_when_asked(self):
        self.assertEqual(self.succeeds("detokenize", "-m", MODEL, "1"), b"")
        self.assertEqual(self.succeeds("detokenize", "-m", MODEL, "1", "--special"), b"<s>")

    def test_half_a_character_does_not_break_json(self):
        euro = [3 + byte for byte in "\u20ac".encode()]  # byte tokens begin at id 3
        out = self.succeeds("detokenize", "-m", MODEL, "--jsonl",
                            stdin=json.dumps(euro[:2]).encode() + b"\n")
        self.assertIn("\ufffd", json.loads(out))

    def test_refuses_what_is_no_id(self):
        self.assertEqual(self.fails(2, "detokenize", "-m", MODEL, "5", "x"), "'x' is not a token id")
        self.assertEqual(self.fails(2, "detokenize", "-m", MODEL, "320"),
                         "token 320, but the vocabulary has 320 tokens")
        for line in (b"[-1]", b"[320]", b"[1e3]", b'["a"]', b"7", b"[99999999999999999999]",
                     b"[18446744073709551615]"):
            self.assertIn("line 1: ", self.fails(1, "detokenize", "-m", MODEL, "--jsonl",
                                                 stdin=line + b"\n"))


class Inspect(CommandTest):
    def test_json_names_metadata_tensors_and_types(self):
        out = json.loads(self.succeeds("inspect", MODEL, "--json"))
        self.assertEqual(out["architecture"], "llama")
        self.assertEqual(out["metadata"]["llama.context_length"], 1024)
        self.assertEqual(out["metadata"]["tokenizer.ggml.tokens"]["count"], 320)
        self.assertEqual((out["runs"], out["problems"]), (True, []))
        self.assertEqual(out["size_bytes"], os.path.getsize(MODEL))
        embedding = next(t for t in out["tensors"] if t["name"] == "token_embd.weight")
        self.assertEqual(embedding["shape"], [256, 320])
        self.assertEqual(sum(t["tensors"] for t in out["types"].values()), len(out["tensors"]))
        self.assertEqual(sum(t["bytes"] for t in out["types"].values()),
                         sum(t["bytes"] for t in out["tensors"]))

    def test_text_lists_tensors_when_asked(self):
        self.assertNotIn(b"token_embd.weight", self.succeeds("inspect", MODEL))
        self.assertIn(b"token_embd.weight", self.succeeds("inspect", MODEL, "--tensors"))

    def test_graph_has_a_line_for_the_embedding(self):
        self.assertIn(b"token_embd.weight", self.succeeds("inspect", MODEL, "--graph"))

    def test_says_what_would_not_run(self):
        with open(MODEL, "rb") as file:
            content = file.read()
        with tempfile.NamedTemporaryFile(suffix=".gguf") as file:
            # The first "llama" is the value of general.architecture.
            file.write(content.replace(b"llama", b"lemma", 1))
            file.flush()
            out = json.loads(self.succeeds("inspect", file.name, "--json"))
            self.assertFalse(out["runs"])
            self.assertIn("lemma", out["problems"][0])
            self.assertIn("lemma", self.fails(1, "run", "-m", file.name, "-p", "x"))


if __name__ == "__main__":
    main()
