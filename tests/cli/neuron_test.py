"""ix run --device neuron through the fake compiler and the fake libnrt.

    neuron_test.py IX TINY_MODELS NEURONX_CC LIBNRT PJRT_PLUGIN
"""
import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
import unittest

IX, MODELS, NEURONX_CC, LIBNRT, PLUGIN = sys.argv[1:6]
GEMMA, QWEN = (f"{MODELS}/{name}.gguf" for name in ("gemma2-q4km", "qwen3-q4km"))
ARGUMENTS = ["--raw", "-n", "12", "-c", "40", "--temp", "1", "-s", "7", "--top-k", "0", "--top-p",
             "1", "--min-p", "0", "--ignore-eos", "--json"]


class Machine:
    """An instance of its own: cores, compiler, cache."""

    def __init__(self, directory, cores=2):
        self.directory = directory
        self.cache = f"{directory}/cache"
        self.environment = {
            **os.environ, "IX_LIBNRT": LIBNRT, "IX_NEURONX_CC": NEURONX_CC,
            "IX_NEURON_CACHE": self.cache, "FAKE_NRT_PLUGIN": PLUGIN,
            "FAKE_NRT_CORES": str(cores), "FAKE_NRT_DIR": f"{directory}/device",
            "FAKE_NRT_LOG": f"{directory}/log", "FAKE_NEURONX_CC_LOG": f"{directory}/calls"}
        os.makedirs(directory, exist_ok=True)

    def start(self, *arguments, prompt="hello there", **variables):
        return subprocess.Popen([IX, "run", "-p", prompt, *ARGUMENTS, *arguments],
                                env={**self.environment, **variables}, stdin=subprocess.DEVNULL,
                                stdout=subprocess.PIPE, stderr=subprocess.PIPE)

    def compiled(self):
        """Names of the programs that the compiler was called for, once a call."""
        return [line.split()[1] for line in self.lines("calls") if line.startswith("compile ")]

    def lines(self, file):
        if not os.path.exists(f"{self.directory}/{file}"):
            return []
        with open(f"{self.directory}/{file}") as text:
            return text.read().splitlines()

    def entries(self):
        return sorted(os.listdir(f"{self.cache}/entries"))


def processes_in(directory):
    """Ids of the processes that run in a folder below it."""
    found = []
    for process in filter(str.isdigit, os.listdir("/proc")):
        try:
            place = os.readlink(f"/proc/{process}/cwd")
        except OSError:  # it has ended
            continue
        if place.startswith(directory + "/"):
            found.append(int(process))
    return found


class NeuronTest(unittest.TestCase):
    def setUp(self):
        self.directory = tempfile.TemporaryDirectory()
        self.addCleanup(self.directory.cleanup)

    def machine(self, name="machine", **options):
        return Machine(f"{self.directory.name}/{name}", **options)

    def answer(self, process):
        out, err = process.communicate(timeout=120)
        self.assertEqual(process.returncode, 0, err.decode())
        return json.loads(out)

    def expect_clean(self, machine):
        """Everything was unloaded and freed, and no call broke a rule."""
        lines = machine.lines("log")
        self.assertFalse([line for line in lines if line.startswith(("COMPLAINT", "ERROR"))])
        counts = [sum(line.startswith(word) for line in lines)
                  for word in ("loaded ", "unloaded ", "nrt_init", "nrt_close")]
        self.assertGreater(counts[0], 0)
        self.assertEqual(counts[0], counts[1])
        self.assertEqual(counts[2], counts[3])


class Tokens(NeuronTest):
    def test_and_probabilities_are_those_of_xla(self):
        machine = self.machine()
        arguments = ["-m", GEMMA, "--tp", "2", "--weights", "int8", "--layers-per-program", "1",
                     "--logprobs", "3"]
        neuron = self.answer(machine.start(*arguments, "--device", "neuron"))
        xla = self.answer(machine.start(*arguments, "--device", f"pjrt:{PLUGIN}"))
        self.assertEqual(neuron["tokens"], xla["tokens"])
        self.assertGreater(len(set(neuron["tokens"])), 4)
        for ours, expected in zip(neuron["logprobs"], xla["logprobs"], strict=True):
            for top, expected_top in zip(ours["top"], expected["top"], strict=True):
                self.assertEqual(top["id"], expected_top["id"])
                self.assertAlmostEqual(top["logprob"], expected_top["logprob"], delta=0.02)
        self.expect_clean(machine)


    def test_plugins_do_not_write_into_the_terminal(self):
        process = self.machine().start("-m", GEMMA, "--tp", "2", "--device", f"pjrt:{PLUGIN}")
        _, err = process.communicate(timeout=120)
        self.assertEqual(process.returncode, 0)
        self.assertEqual(err.decode(), "")


class Cache(NeuronTest):
    """Of one small model on one core; a first run has compiled it."""

    MODEL = ["-m", QWEN, "--tp", "1", "--device", "neuron"]

    @classmethod
    def setUpClass(cls):
        cls.first_directory = tempfile.TemporaryDirectory()
        cls.first = Machine(cls.first_directory.name + "/first")
        process = cls.first.start(*cls.MODEL)
        cls.tokens = json.loads(process.communicate(timeout=120)[0])["tokens"]
        cls.programs = cls.first.compiled()

    @classmethod
    def tearDownClass(cls):
        cls.first_directory.cleanup()

    def compiled_machine(self, name="machine"):
        """One with the cache of the first."""
        machine = self.machine(name)
        shutil.copytree(self.first.cache, machine.cache)
        return machine

    def expect_tokens(self, process):
        self.assertEqual(self.answer(process)["tokens"], self.tokens)

    def expect_answer(self, machine, **variables):
        self.expect_tokens(machine.start(*self.MODEL, **variables))

    def test_the_first_run_compiles_each_program_once(self):
        self.assertGreater(len(self.programs), 2)
        self.assertEqual(len(self.programs), len(self.first.entries()))
        self.assertEqual(len(self.tokens), 12)
        self.expect_clean(self.first)

    def test_another_compiler_compiles_again_and_a_second_run_nothing(self):
        machine = self.compiled_machine()
        self.expect_answer(machine, FAKE_NEURONX_CC_VERSION="2.22.1.0")
        self.assertEqual(sorted(machine.compiled()), sorted(self.programs))
        # The programs of the first one are still there.
        self.expect_answer(machine)
        self.assertEqual(len(machine.compiled()), len(self.programs))
        self.expect_clean(machine)

    def test_a_damaged_program_is_found_and_compiled_again(self):
        machine = self.compiled_machine()
        damaged = machine.entries()[0]
        path = f"{machine.cache}/entries/{damaged}/model.neff"
        with open(path, "r+b") as file:
            file.seek(os.path.getsize(path) // 2)
            byte = file.read(1)
            file.seek(-1, os.SEEK_CUR)
            file.write(bytes([byte[0] ^ 1]))
        with open(f"{machine.cache}/entries/{damaged}/entry.json") as file:
            module = json.load(file)["module"]
        self.expect_answer(machine)
        self.assertEqual(machine.compiled(), [module])
        self.assertEqual(machine.entries(), self.first.entries())
        self.assertEqual([name[:len(damaged)] for name in os.listdir(machine.cache + "/damaged")],
                         [damaged])

    def test_two_processes_compile_once(self):
        machine = self.machine(cores=2)
        processes = [machine.start(*self.MODEL, FAKE_NEURONX_CC_SECONDS="0.3") for _ in range(2)]
        for process in processes:
            self.expect_tokens(process)
        self.assertEqual(sorted(machine.compiled()), sorted(self.programs))
        self.expect_clean(machine)

    def test_export_and_import_move_it_to_a_machine_without_a_compiler(self):
        away = f"{self.directory.name}/away"
        machine = self.machine("other")
        for there, how in ((self.first, "export"), (machine, "import")):
            subprocess.run([IX, "cache", how, away], env=there.environment, check=True, timeout=60)
        self.expect_answer(machine, IX_NEURONX_CC="/nowhere/neuronx-cc")
        self.assertEqual(machine.lines("calls"), [])
        self.expect_clean(machine)

    def hanging_compilation(self, name="machine"):
        machine = self.machine(name)
        process = machine.start(*self.MODEL, FAKE_NEURONX_CC_FAIL="hang")
        for _ in range(600):
            if machine.compiled() and processes_in(machine.cache):
                break
            time.sleep(0.1)
        self.assertNotEqual(processes_in(machine.cache), [])
        return machine, process

    def expect_no_process(self, machine):
        # What was killed may be seen for a moment more.
        for _ in range(100):
            if not processes_in(machine.cache):
                break
            time.sleep(0.05)
        self.assertEqual(processes_in(machine.cache), [])
        self.assertEqual(machine.entries(), [])

    def test_ctrl_c_ends_the_compiler_with_all_that_it_started(self):
        machine, process = self.hanging_compilation()
        process.send_signal(signal.SIGINT)
        process.communicate(timeout=60)
        self.assertNotEqual(process.returncode, 0)
        self.expect_no_process(machine)

    def test_signals_that_end_ix_at_once_end_the_compiler_too(self):
        for signals, code in (([signal.SIGTERM], 143), ([signal.SIGINT, signal.SIGINT], 130)):
            with self.subTest(signals=signals):
                machine, process = self.hanging_compilation(f"machine{code}")
                for one in signals:
                    process.send_signal(one)
                    time.sleep(0.005)
                process.communicate(timeout=60)
                self.assertEqual(process.returncode, code)
                self.expect_no_process(machine)

    def test_neither_compiler_nor_cache_says_both(self):
        machine = self.machine()
        process = machine.start(*self.MODEL, IX_NEURONX_CC="/nowhere/neuronx-cc")
        _, err = process.communicate(timeout=120)
        self.assertEqual(process.returncode, 1)
        self.assertIn("not compiled", err.decode())
        self.assertIn("/nowhere/neuronx-cc", err.decode())


if __name__ == "__main__":
    unittest.main(argv=[sys.argv[0], *sys.argv[6:]])
