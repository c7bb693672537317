"""ix synth: files that the other commands run, refusals, and what is left when it is stopped.

    synth_test.py IX TINY_MODELS
"""
import json
import os
import pty
import signal
import subprocess
import tempfile
import time

from command import IX, CommandTest, ix, main

# Of smollm2-135m.
SMALL = ["--layers", "2", "--width", "256", "--heads", "4", "--kv-heads", "2", "--ffn", "512",
         "--vocab", "1000", "--context", "256"]


class SynthTest(CommandTest):
    def setUp(self):
        self.directory = tempfile.TemporaryDirectory()
        self.addCleanup(self.directory.cleanup)

    def path(self, name="m.gguf"):
        return os.path.join(self.directory.name, name)

    def files(self):
        return sorted(os.listdir(self.directory.name))


class Files(SynthTest):
    def test_run_and_bench(self):
        for shape in ("smollm2-135m", "qwen2.5-0.5b", "qwen3-0.6b", "gemma-3-270m",
                      "llama-3.1-8b"):
            self.succeeds("synth", shape, "-o", self.path(), "--force", *SMALL)
            problems = json.loads(self.succeeds("inspect", self.path(), "--json"))["problems"]
            self.assertEqual(problems, [], shape)
            answer = json.loads(self.succeeds("run", "-m", self.path(), "-p", "Hello w7 ü", "-n",
                                              "5", "--ignore-eos", "--temp", "0", "--json"))
            self.assertEqual(len(answer["tokens"]), 5, shape)
        results = json.loads(self.succeeds("bench", "-m", self.path(), "-p", "16", "-n", "4", "-r",
                                           "1", "-o", "json"))
        self.assertEqual(len(results), 2)

    def test_sparse_ones_run_too(self):
        self.succeeds("synth", "llama-3.1-8b", "-o", self.path(), "--sparse", "--layers", "1",
                      "--vocab", "1000", "--fill", "token_embd.weight", "--fill", "blk.0.ffn_*")
        tensors = json.loads(self.succeeds("inspect", self.path(), "--json"))["tensors"]
        filled = sum(t["bytes"] for t in tensors
                     if "ffn_" in t["name"] or t["name"] == "token_embd.weight")
        on_disk = os.stat(self.path()).st_blocks * 512
        self.assertLess(on_disk, filled + (1 << 20))
        self.assertGreaterEqual(on_disk, filled)
        self.succeeds("run", "-m", self.path(), "-p", "x", "-n", "1", "-c", "64")

    def test_vocabulary_spells_any_text(self):
        self.succeeds("synth", "smollm2-135m", "-o", self.path(), *SMALL)
        text = "w12 Grüße,\n\t\u2603 \U0001F600 ~ w9"
        ids = json.loads(self.succeeds("tokenize", "-m", self.path(), "-p", text, "--json"))
        back = self.succeeds("detokenize", "-m", self.path(), "--json", *map(str, ids))
        self.assertEqual(json.loads(back), text)

    def test_same_seed_same_bytes(self):
        contents = []
        for seed in ("3", "3", "4"):
            self.succeeds("synth", "smollm2-135m", "-o", self.path(), "--force", "--seed", seed,
                          *SMALL)
            with open(self.path(), "rb") as file:
                contents.append(file.read())
        self.assertEqual(contents[0], contents[1])
        self.assertNotEqual(contents[0], contents[2])

    def test_says_what_it_wrote_and_shows_no_progress_in_a_pipe(self):
        code, out, err = ix("synth", "smollm2-135m", "-o", self.path(), *SMALL)
        self.assertEqual((code, err), (0, b""))
        self.assertRegex(out.decode(), r"\A.*m\.gguf: 0\.00\d B weights, 20 tensors, 0\.00\d GB\n\Z")
        out = self.succeeds("synth", "smollm2-135m", "-o", self.path(), "--force", "--sparse", *SMALL)
        self.assertRegex(out.decode(), r" GB \(\d\.\d MB on the disk\)\n\Z")

    def test_shows_progress_on_a_terminal(self):
        parent, child = pty.openpty()
        subprocess.run([IX, "synth", "smollm2-135m", "-o", self.path()], stdout=subprocess.DEVNULL,
                       stderr=child, check=True)
        os.close(child)
        self.assertIn(b"writing", os.read(parent, 65536))
        os.close(parent)


class List(SynthTest):
    def test_has_a_line_a_shape(self):
        lines = self.succeeds("synth", "--list").decode().splitlines()
        self.assertTrue(lines[0].startswith("shape "))
        by_name = {line.split()[0]: line.split() for line in lines[1:]}
        self.assertEqual(by_name["llama-3.1-8b"],
                         "llama-3.1-8b llama 32 4096 32 8 128 14336 128256 131072 8.03 B 4.9 GB"
                         .split())
        for name in ("tinyllama-1.1b", "llama-2-7b", "smollm2-135m", "gemma-3-270m"):
            self.assertIn(name, by_name)


class Refusals(SynthTest):
    def test_of_a_file_that_is_there(self):
        with open(self.path(), "w") as file:
            file.write("mine")
        self.assertEqual(self.fails(2, "synth", "smollm2-135m", "-o", self.path(), *SMALL),
                         f"{self.path()} is there already; --force replaces it")
        with open(self.path()) as file:
            self.assertEqual(file.read(), "mine")
        self.succeeds("synth", "smollm2-135m", "-o", self.path(), "--force", *SMALL)
        self.assertEqual(self.files(), ["m.gguf"])

    def test_say_what_to_type(self):
        out = ["-o", self.path()]
        for message, *arguments in [
                ("give a shape: ix synth SHAPE -o FILE.gguf; ix synth --list shows them", *out),
                ("give a file to write: -o FILE.gguf", "smollm2-135m"),
                ("--fill chooses tensors of a sparse file; give --sparse too", "smollm2-135m", *out,
                 "--fill", "x"),
                ("--layers is '0', but must be 1 or more", "smollm2-135m", *out, "--layers", "0"),
                ("--seed is '-1', but must be 0 or more", "smollm2-135m", *out, "--seed", "-1"),
                ("kv-heads is 10, but must be 1 to 9", "smollm2-135m", *out, "--kv-heads", "10"),
                ("unknown flag --layer (did you mean --layers?)", "smollm2-135m", *out, "--layer",
                 "2")]:
            self.assertEqual(self.fails(2, "synth", *arguments), message)
        self.assertIn("no shape is called 'gpt'; there are smollm2-135m, ",
                      self.fails(2, "synth", "gpt", *out))
        self.assertIn("'blk.99.*' names no tensor",
                      self.fails(2, "synth", "smollm2-135m", *out, "--sparse", "--fill", "blk.99.*"))
        self.assertIn("no such directory",
                      self.fails(1, "synth", "smollm2-135m", "-o", self.path("no/m.gguf")))
        self.assertEqual(self.files(), [])

    def test_interrupt_leaves_nothing(self):
        process = subprocess.Popen([IX, "synth", "llama-3.1-70b", "-o", self.path()],
                                   stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        deadline = time.monotonic() + 60
        while self.files() == [] and time.monotonic() < deadline:
            time.sleep(0.01)
        self.assertEqual(self.files(), ["m.gguf.partial"])
        process.send_signal(signal.SIGINT)
        out, err = process.communicate(timeout=60)
        self.assertEqual((process.returncode, out, err), (130, b"", b""))
        self.assertEqual(self.files(), [])


if __name__ == "__main__":
    main()
