"""ix compile and ix cache, with the fake compiler; ix run on what they made, with the fake libnrt.

    compile_test.py IX TINY_MODELS NEURONX_CC LIBNRT PJRT_PLUGIN
"""
import json
import os
import subprocess
import sys
import tempfile
import unittest
from pathlib import Path

from command import IX, MODELS

COMPILER, LIBNRT, PLUGIN = sys.argv[3:6]
MODEL = MODELS + "/llama-q4km.gguf"
SMALL = ["-c", "64", "--slots", "2", "--chunk", "16"]


class CompileTest(unittest.TestCase):
    def setUp(self):
        directory = tempfile.TemporaryDirectory()
        self.addCleanup(directory.cleanup)
        self.place = Path(directory.name)
        self.log = self.place / "calls"
        self.env = {**os.environ, "IX_NEURON_CACHE": str(self.place / "cache"),
                    "IX_NEURONX_CC": COMPILER, "FAKE_NEURONX_CC_LOG": str(self.log),
                    "IX_LIBNRT": LIBNRT, "FAKE_NRT_PLUGIN": PLUGIN,
                    "FAKE_NRT_DIR": str(self.place)}

    def ix(self, *arguments, **env):
        done = subprocess.run([IX, *arguments], stdin=subprocess.DEVNULL, capture_output=True,
                              timeout=300, env={**self.env, **env}, text=True)
        return done.returncode, done.stdout, done.stderr

    def succeeds(self, *arguments, **env):
        code, out, err = self.ix(*arguments, **env)
        self.assertEqual(code, 0, err)
        return out

    def fails(self, code, *arguments, **env):
        got, _, err = self.ix(*arguments, **env)
        self.assertEqual(got, code, err)
        self.assertTrue(err.startswith("ix: "), err)
        return err[4:-1]

    def compilations(self):
        """Calls of the compiler that compiled something."""
        if not self.log.exists():
            return 0
        return sum(" compile " in line or line.startswith("compile ")
                   for line in self.log.read_text().splitlines())

    def keys(self):
        return sorted(line.split()[3] for line in self.succeeds("cache", "list").splitlines()
                      if line.startswith("program"))


class Plan(CompileTest):
    def test_the_plan_is_one_json_object(self):
        plan = json.loads(self.succeeds("compile", MODEL, *SMALL, "--emit", "plan"))
        self.assertEqual(plan["ranks"], 2)
        self.assertEqual(plan["slots"], 2)
        self.assertEqual(plan["context"], 64)
        names = [program["name"] for program in plan["programs"]]
        self.assertEqual(len(names), len(set(names)))
        self.assertTrue(any(name.startswith("prefill_16x80") for name in names), names)
        self.assertTrue(any(name.startswith("decode_1x80") for name in names), names)
        memory = plan["memory_of_a_core"]
        self.assertEqual(memory["total"], sum(memory[part] for part in
                                              ("weights", "kv", "rows", "scratch")))
        self.assertEqual(self.compilations(), 0)

    def test_keys_and_values_take_what_arithmetic_says(self):
        inspected = json.loads(self.succeeds("inspect", MODEL, "--json"))
        meta = inspected["metadata"]
        heads, kv_heads = meta["llama.attention.head_count"], meta["llama.attention.head_count_kv"]
        width = meta["llama.embedding_length"] // heads
        plan = json.loads(self.succeeds("compile", MODEL, *SMALL, "--tp", "1", "--emit", "plan"))
        # Keys and values, 2 bytes each, of 2 slots of 64 tokens and a chunk.
        expected = 2 * 2 * 2 * (64 + 16) * kv_heads * width * meta["llama.block_count"]
        self.assertEqual(plan["memory_of_a_core"]["kv"], expected)

    def test_check_needs_no_compiler(self):
        out = self.succeeds("compile", "--allow", "rng", MODEL, *SMALL, "--check",
                            IX_NEURONX_CC="/nowhere")
        self.assertIn("memory ", out)
        self.assertFalse((self.place / "cache").exists())

    def test_emits_programs(self):
        for emit, suffix in (("hlo", ".pb"), ("hlo-text", ".txt")):
            where = self.place / emit
            out = self.succeeds("compile", MODEL, *SMALL, "--emit", emit, "-o", str(where))
            files = sorted(str(path) for path in where.iterdir())
            self.assertEqual(sorted(out.split()), files)
            self.assertTrue(all(path.endswith(suffix) for path in files))
        text = next(where.glob("decode*")).read_text()
        self.assertTrue(text.startswith("HloModule decode_"), text[:80])

    def test_the_same_model_gives_the_same_programs(self):
        for where in ("first", "second"):
            self.succeeds("compile", MODEL, *SMALL, "--emit", "hlo", "-o", str(self.place / where))
        for path in (self.place / "first").iterdir():
            self.assertEqual(path.read_bytes(), (self.place / "second" / path.name).read_bytes())

    def test_refuses_what_does_not_fit(self):
        message = self.fails(1, "compile", MODEL, "--slots", "256", "-c", "1048576")
        self.assertIn("fewer --slots", message)
        self.assertIn("and has 17.2", message)

    def test_wrong_choices(self):
        self.assertIn("inf2.xlarge, inf2.8xlarge", self.fails(2, "compile", MODEL, "--instance", "x"))
        self.assertIn("inf2.xlarge has 2 cores", self.fails(2, "compile", MODEL, "--tp", "4"))
        self.assertIn("--weights f32", self.fails(2, "compile", MODEL, "--weights", "f32"))
        self.assertIn("needs --output", self.fails(2, "compile", MODEL, "--emit", "hlo"))
        self.assertIn("give a model", self.fails(2, "compile"))


class Compile(CompileTest):
    def test_a_run_needs_no_compiler_after_it(self):
        out = self.succeeds("compile", MODEL, *SMALL)
        self.assertIn("ready ", out)
        compiled = self.compilations()
        self.assertEqual(compiled, len(self.keys()))
        answers = []
        for compiler in (COMPILER, "/nowhere/neuronx-cc"):
            answer = json.loads(self.succeeds("run", "-m", MODEL, "--device", "neuron", "--raw",
                                              "-p", "a b c", "-n", "8", "--greedy", "--json",
                                              IX_NEURONX_CC=compiler))
            answers.append(answer["text"])
        self.assertEqual(answers[0], answers[1])
        self.assertEqual(self.compilations(), compiled)

    def test_compiles_nothing_twice(self):
        self.succeeds("compile", MODEL, *SMALL)
        compiled = self.compilations()
        self.assertIn(" 0 to compile", self.succeeds("compile", MODEL, *SMALL))
        self.assertEqual(self.compilations(), compiled)
        self.succeeds("compile", MODEL, *SMALL, FAKE_NEURONX_CC_VERSION="2.99.1+0")
        self.assertEqual(self.compilations(), 2 * compiled)

    def test_a_failure_is_told_and_the_rest_is_kept(self):
        failing = {"FAKE_NEURONX_CC_FAIL": "EBVF030", "FAKE_NEURONX_CC_FAIL_MODULE": "decode"}
        message = self.fails(1, "compile", MODEL, *SMALL, **failing)
        self.assertIn("decode_1x80", message)
        self.assertIn("fewer layers a program", message)
        kept = len(self.keys())
        self.assertGreater(kept, 0)
        self.assertNotIn("model ", self.succeeds("cache", "list"))
        self.succeeds("compile", MODEL, *SMALL)
        self.assertGreater(len(self.keys()), kept)

    def test_without_a_compiler_it_says_what_to_do(self):
        message = self.fails(1, "compile", MODEL, *SMALL, IX_NEURONX_CC="/nowhere/neuronx-cc")
        self.assertIn("/nowhere/neuronx-cc", message)


class Cache(CompileTest):
    def setUp(self):
        super().setUp()
        self.succeeds("compile", MODEL, *SMALL)

    def test_export_and_import_move_it(self):
        moved = str(self.place / "moved")
        keys = self.keys()
        self.assertEqual(self.succeeds("cache", "export", moved),
                         f"{len(keys)} copied, 0 were there\n")
        before = self.succeeds("cache", "list").splitlines()[1:]
        other = {"IX_NEURON_CACHE": str(self.place / "other")}
        self.assertEqual(self.succeeds("cache", "import", moved, **other),
                         f"{len(keys)} copied, 0 were there\n")
        self.assertEqual(self.succeeds("cache", "list", **other).splitlines()[1:], before)
        self.assertEqual(self.succeeds("cache", "import", moved, **other),
                         f"0 copied, {len(keys)} were there\n")

    def test_verify_finds_damage(self):
        self.assertEqual(self.succeeds("cache", "verify"), f"{len(self.keys())} whole\n")
        neff = next((self.place / "cache" / "entries").iterdir()) / "model.neff"
        content = bytearray(neff.read_bytes())
        content[len(content) // 2] ^= 1
        neff.write_bytes(content)
        self.assertIn("1 damaged", self.fails(1, "cache", "verify"))
        # Put aside: the next compilation makes it again.
        compiled = self.compilations()
        self.succeeds("compile", MODEL, *SMALL)
        self.assertEqual(self.compilations(), compiled + 1)

    def test_prune(self):
        self.assertEqual(self.succeeds("cache", "prune"), "0 removed, 0.0 MB\n")
        self.succeeds("cache", "prune", "--keep-compiler", "2.99")
        self.assertEqual(self.keys(), [])
        self.assertNotIn("model ", self.succeeds("cache", "list"))

    def test_wrong_command_lines(self):
        self.assertIn("ix cache list, verify", self.fails(2, "cache"))
        self.assertIn("entries", self.fails(1, "cache", "import", str(self.place / "nothing")))


if __name__ == "__main__":
    unittest.main(argv=[sys.argv[0], *sys.argv[6:]])
