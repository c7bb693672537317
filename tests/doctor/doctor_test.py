"""ix doctor: on the fakes of neuronx-cc and libnrt, and on XLA's CPU plugin.

    doctor_test.py IX FAKE_LIBNRT FAKE_NEURONX_CC PJRT_PLUGIN
"""
import json
import os
import pwd
import signal
import socket
import subprocess
import sys
import tempfile
import time
import unittest
from pathlib import Path

IX, LIBNRT, NEURONX_CC, PLUGIN = sys.argv[1:5]

# Keys and types of the report; a list holds one kind of thing.
VERSIONS = {"libnrt", "driver", "neuronx-cc", "pjrt"}
STEP = {"id": str, "title": str, "state": str, "expected": str, "got": str,
        "advice": (str, type(None)), "seconds": (int, float), "limit_seconds": int, "details": dict}
HOST = {"cpu": str, "kernels": str, "kernels_available": [str], "threads": int,
        "free_bytes": (int, type(None)), "cache_bytes": int, "huge_pages": str,
        "libraries": (dict, type(None))}
REPORT = {"report": str, "format": int, "ix": {"version": str, "commit": str}, "host": HOST,
          "device": {"name": str, "description": str, "cores": int, "versions": dict},
          "environment": dict, "passed": bool, "interrupted": bool, "steps": [STEP]}
# What the details of steps hold.
DETAILS = {
    "device": {"cores", "instance_family", "instance_size"},
    "ops": {"signatures", "programs", "not_tried", "failures"},
    "transfer": {"bytes", "load_gbs", "copy_gbs"},
    "time": {"runs", "median_us", "least_us", "most_us"},
    "model": {"worst_error", "allowed_error"},
}
FAMILIES = ["elementwise", "values", "layout", "products", "indexing", "cores"]
NEURON_STEPS = ["libnrt", "driver", "compiler", "device", "compile.dot", "dot", "compile.alias",
                "alias", "compile.kv", "kv",
                *(kind + family for family in FAMILIES for kind in ("compile.", "ops.")),
                "compile.top_k", "top_k", "transfer", "time", "model"]
XLA_STEPS = ["plugin", "device", "dot", "alias", "kv", *("ops." + f for f in FAMILIES), "top_k",
             "transfer", "time", "model"]


def check_schema(test, value, schema, where="report"):
    if isinstance(schema, dict):
        test.assertIsInstance(value, dict, where)
        test.assertEqual(list(value), list(schema), where)
        for key, inner in schema.items():
            check_schema(test, value[key], inner, f"{where}.{key}")
    elif isinstance(schema, list):
        test.assertIsInstance(value, list, where)
        for i, inner in enumerate(value):
            check_schema(test, inner, schema[0], f"{where}[{i}]")
    else:
        test.assertIsInstance(value, schema, where)
        if schema is int:
            test.assertNotIsInstance(value, bool, where)


def texts_of(value):
    if isinstance(value, str):
        yield value
    elif isinstance(value, (dict, list)):
        for inner in value.values() if isinstance(value, dict) else value:
            yield from texts_of(inner)


class DoctorTest(unittest.TestCase):
    def check_report(self, report):
        schema = dict(REPORT)
        if report["device"] is None:
            schema["device"] = type(None)
        check_schema(self, report, schema)
        self.assertEqual((report["report"], report["format"]), ("ix doctor", 1))
        for step in report["steps"]:
            self.assertIn(step["state"], ("ok", "failed", "skipped"))
            self.assertEqual(step["advice"] is not None, step["state"] == "failed")
            kind = step["id"].split(".")[0]
            if kind == "compile" and step["id"].split(".")[1] in FAMILIES:
                kind = "ops"
            known = DETAILS.get(kind, {"from_cache"} if kind == "compile" else set())
            self.assertLessEqual(set(step["details"]), known, step["id"])
        if report["device"]:
            self.assertLessEqual(set(report["device"]["versions"]), VERSIONS)
        self.assertEqual(report["passed"],
                         all(step["state"] == "ok" for step in report["steps"]))
        private = {socket.gethostname(), str(Path.home())} - {"/"}
        user = pwd.getpwuid(os.getuid()).pw_name
        for text in texts_of(report):
            self.assertNotRegex(text, r"(^|[\s\"'(:=])/\w")
            self.assertNotIn(user, text.split())
            for each in private:
                self.assertNotIn(each, text)


class Neuron(DoctorTest):
    """Programs stay in one cache: most runs compile nothing."""

    @classmethod
    def setUpClass(cls):
        cls.shared = tempfile.TemporaryDirectory(prefix="ix-doctor-")

    @classmethod
    def tearDownClass(cls):
        cls.shared.cleanup()

    def setUp(self):
        own = tempfile.TemporaryDirectory(prefix="ix-doctor-")
        self.addCleanup(own.cleanup)
        self.own = Path(own.name)
        (self.own / "driver").write_text("2.30.2\n")
        self.environment = {
            "PATH": os.environ["PATH"], "HOME": own.name,
            "IX_LIBNRT": LIBNRT, "IX_NEURONX_CC": NEURONX_CC,
            "IX_NEURON_CACHE": self.shared.name + "/cache",
            "IX_NEURON_DRIVER": str(self.own / "driver"),
            "FAKE_NRT_PLUGIN": PLUGIN, "FAKE_NRT_CORES": "2", "FAKE_NRT_DIR": own.name + "/device",
            "FAKE_NRT_LOG": str(self.own / "log"), "FAKE_NEURONX_CC_LOG": str(self.own / "calls"),
            "NEURON_RT_EXEC_TIMEOUT": "60"}

    def command(self, *arguments):
        return [IX, "doctor", "--device", "neuron", "--json", str(self.own / "report"), *arguments]

    def report(self):
        report = json.loads((self.own / "report").read_text())
        self.check_report(report)
        return report

    def doctor(self, code, *arguments, script="", **variables):
        """Lines for people, and steps by their id."""
        (self.own / "script").write_text(script)
        environment = {**self.environment, "FAKE_NRT_SCRIPT": str(self.own / "script"),
                       **variables}
        done = subprocess.run(self.command(*(arguments or ("--deep",))), capture_output=True,
                              text=True, env=environment, timeout=240)
        self.assertEqual(done.returncode, code, done.stdout + done.stderr)
        report = self.report()
        self.assertEqual(report["device"]["name"], "neuron")
        return done.stdout, {step["id"]: step for step in report["steps"]}

    def states(self, steps, state):
        return [name for name, step in steps.items() if step["state"] == state]

    def log(self, beginning):
        lines = (self.own / "log").read_text().splitlines()
        return [line for line in lines if line.startswith(beginning)]

    def test_every_step_passes_on_the_fakes(self):
        cache = str(self.own / "cache")
        text, steps = self.doctor(0, "--deep", IX_NEURON_CACHE=cache,
                                  NEURON_RT_VISIBLE_CORES="0-1", NEURON_RT_ROOT_COMM_ID="")
        self.assertEqual(list(steps), NEURON_STEPS)
        self.assertIn("13 small programs to compile, 10 to 30 s each: 3 to 7 minutes", text)
        self.assertTrue(text.endswith("27 steps: 27 ok, 0 failed, 0 skipped\n"), text)
        self.assertEqual(self.log("COMPLAINT") + self.log("ERROR"), [])
        self.assertEqual(len(self.log("nrt_close")), 1)
        # As many compilations as were announced.
        calls = (self.own / "calls").read_text().splitlines()
        self.assertEqual(sum(call.startswith("compile ") for call in calls), 13)
        report = self.report()
        self.assertEqual(report["device"]["versions"],
                         {"driver": "2.30.2", "libnrt": "2.34.10.0",
                          "neuronx-cc": "2.21.18209.0+043b1bf7"})
        self.assertEqual(report["device"]["cores"], 2)
        self.assertEqual(report["environment"], {"NEURON_RT_EXEC_TIMEOUT": "60",
                                                 "NEURON_RT_VISIBLE_CORES": "0-1"})
        self.assertEqual(steps["compile.dot"]["got"], "compiled")
        # Every signature of the list.
        self.assertEqual(sum(steps["ops." + f]["details"]["signatures"] for f in FAMILIES), 265)
        self.assertLess(steps["model"]["details"]["worst_error"], 0.02)
        self.assertGreater(steps["time"]["details"]["median_us"], 0)
        self.assertGreater(steps["transfer"]["details"]["load_gbs"], 0)
        # Again: nothing is compiled.
        _, steps = self.doctor(0, "--deep", IX_NEURON_CACHE=cache)
        self.assertEqual(steps["compile.dot"]["got"], "from the cache")
        again = (self.own / "calls").read_text().splitlines()
        self.assertEqual(sum(call.startswith("compile ") for call in again), 13)

    def test_without_deep_the_device_is_only_opened(self):
        text, steps = self.doctor(0, "--tp", "1")
        self.assertEqual(list(steps), NEURON_STEPS[:4])
        self.assertEqual(steps["device"]["got"], "neuron, 1 core, libnrt 2.34.10.0")
        self.assertIn("4 steps: 4 ok, 0 failed, 0 skipped", text)

    def test_a_failed_execution_stops_no_other_step(self):
        # On one core: the dot, two runs in place, then the cache.
        text, steps = self.doctor(1, "--deep", script="nrt_execute 4 NRT_EXEC_OOB\n",
                                  FAKE_NRT_CORES="1")
        self.assertEqual(self.states(steps, "failed"), ["kv"])
        self.assertIn("NRT_EXEC_OOB (1006)", steps["kv"]["got"])
        # With one core there is nothing between cores.
        self.assertEqual(self.states(steps, "skipped"), ["compile.cores", "ops.cores"])
        self.assertIn("--tp 2", steps["ops.cores"]["got"])
        lines = text.splitlines()
        at = next(i for i, line in enumerate(lines) if line.startswith("failed"))
        self.assertRegex(lines[at], r"\Afailed   KV update at the last position")
        self.assertRegex(lines[at + 1], r"\A +expected: one row of each head changes")
        self.assertRegex(lines[at + 2], r"\A +got: nrt_execute of doctor_kv on core 0: ")
        self.assertRegex(lines[at + 3], r"\A +what to do: ")

    def test_a_dead_device_stops_the_rest(self):
        _, steps = self.doctor(1, script="nrt_execute@1 2 NRT_HW_ERROR\n")
        self.assertEqual(self.states(steps, "failed"), ["alias"])
        self.assertIn("NRT_HW_ERROR (6)", steps["alias"]["got"])
        later = NEURON_STEPS[NEURON_STEPS.index("alias") + 1:]
        self.assertEqual(self.states(steps, "skipped"), later)
        self.assertEqual({steps[name]["got"] for name in later},
                         {'the device is dead since "tensor updated in place"'})

    def test_a_load_that_fails_is_told_by_its_step(self):
        # On both cores: none waits for the other.
        script = "nrt_load_collectives@0 3 NRT_RESOURCE\nnrt_load_collectives@1 3 NRT_RESOURCE\n"
        _, steps = self.doctor(1, script=script)
        failed = self.states(steps, "failed")
        self.assertEqual(len(failed), 1)
        self.assertIn("NRT_RESOURCE (4)", steps[failed[0]]["got"])
        self.assertEqual(self.states(steps, "skipped"), [])

    def test_wrong_numbers_are_found_where_they_are(self):
        # On core 1: the dot, two runs in place, the cache, six families, the top-k.
        executions = (1, 3, 4, 7, 11)
        script = "".join(f"nrt_execute@1 {each} wrong\n" for each in executions)
        text, steps = self.doctor(1, script=script)
        self.assertEqual(self.states(steps, "failed"), ["dot", "alias", "kv", "ops.layout", "top_k"])
        self.assertEqual(self.states(steps, "skipped"), ["time"])
        # The last byte of every output was changed.
        self.assertIn("row 127, column 127 on core 1 is", steps["dot"]["got"])
        self.assertIn("after run 2 element 31 on core 1 is", steps["alias"]["got"])
        self.assertIn("element 65535 on core 1 is", steps["kv"]["got"])
        self.assertIn("on core 1 is", steps["top_k"]["got"])
        details = steps["ops.layout"]["details"]
        self.assertEqual(len(details["failures"]), details["signatures"])
        failures = {failure["signature"]: failure for failure in details["failures"]}
        failure = failures["reverse(f32)->f32"]
        self.assertEqual(set(failure), {"signature", "problem", "expected", "got"})
        self.assertEqual(failure["problem"], "wrong")
        self.assertRegex(failure["got"], r" at element 31 of core 1\Z")
        self.assertIn("reverse(f32)->f32", text)

    def test_operations_that_the_compiler_refuses_are_found(self):
        _, steps = self.doctor(1, FAKE_NEURONX_CC_FAIL="NCC_EVRF001",
                               FAKE_NEURONX_CC_FAIL_OPCODE="cosine",
                               IX_NEURON_CACHE=str(self.own / "cache"))
        self.assertEqual(self.states(steps, "failed"), ["compile.elementwise"])
        failures = steps["compile.elementwise"]["details"]["failures"]
        self.assertEqual([failure["signature"] for failure in failures],
                         ["cosine(f32)->f32", "cosine(f16)->f16"])
        self.assertTrue(all("NCC_EVRF001" in failure["got"] for failure in failures))
        # The others ran.
        self.assertEqual(steps["ops.elementwise"]["state"], "ok")
        self.assertIn("2 did not compile", steps["ops.elementwise"]["got"])

    def test_without_a_device_programs_are_still_compiled(self):
        _, steps = self.doctor(1, FAKE_NRT_CORES="0")
        self.assertEqual(self.states(steps, "failed"), ["device"])
        self.assertIn("no NeuronCore is visible", steps["device"]["got"])
        self.assertEqual(self.states(steps, "skipped"),
                         [name for name in NEURON_STEPS[4:] if not name.startswith("compile.")])

    def test_without_libnrt(self):
        _, steps = self.doctor(1, IX_LIBNRT=str(self.own / "libnrt.so"))
        self.assertEqual(self.states(steps, "failed"), ["libnrt"])
        self.assertIn("cannot load libnrt", steps["libnrt"]["got"])
        self.assertEqual(steps["device"]["got"], '"runtime library" failed')

    def test_without_a_compiler(self):
        variables = {"IX_NEURONX_CC": str(self.own / "neuronx-cc"),
                     "IX_NEURON_CACHE": str(self.own / "cache")}
        _, steps = self.doctor(1, **variables)
        self.assertEqual(self.states(steps, "failed"), ["compiler"])
        self.assertEqual(self.states(steps, "ok"), ["libnrt", "driver", "device", "transfer"])
        self.assertEqual(steps["compile.kv"]["got"],
                         "there is no neuronx-cc, and the cache lacks the program")

    def test_driver(self):
        _, steps = self.doctor(1, "--tp", "1", IX_NEURON_DRIVER=str(self.own / "none"))
        self.assertEqual(self.states(steps, "failed"), ["driver"])
        (self.own / "driver").write_text("2.26.10")
        _, steps = self.doctor(1, "--tp", "1")
        self.assertEqual(self.states(steps, "failed"), ["driver"])
        self.assertIn("needs a driver later than 2.26", steps["driver"]["got"])

    def test_a_call_that_does_not_come_back_ends_the_examination(self):
        _, steps = self.doctor(1, "--deep", "--step-limit", "1", script="nrt_tensor_read 1 hang\n")
        self.assertEqual(self.states(steps, "failed"), ["dot"])
        # What the call said when it was given up may have come in time.
        self.assertTrue(steps["dot"]["got"].startswith("did not end within 1 s"))
        self.assertEqual(steps["model"]["got"],
                         '"dot of 128 x 128" did not come back: the device counts as dead')

    def test_ctrl_c_ends_the_compiler_and_leaves_a_report(self):
        (self.own / "script").write_text("")
        environment = {**self.environment, "IX_NEURON_CACHE": str(self.own / "cache"),
                       "FAKE_NEURONX_CC_SECONDS": "100"}
        running = subprocess.Popen(self.command("--deep"), stdout=subprocess.PIPE, text=True,
                                   env=environment)
        calls = self.own / "calls"
        while running.poll() is None and not (calls.exists() and "compile" in calls.read_text()):
            time.sleep(0.05)
        running.send_signal(signal.SIGINT)
        running.communicate(timeout=60)
        self.assertEqual(running.returncode, 130)
        report = self.report()
        self.assertTrue(report["interrupted"])
        steps = {step["id"]: step for step in report["steps"]}
        self.assertEqual(steps["compile.dot"]["state"], "failed")
        self.assertEqual(steps["dot"]["got"], "interrupted")


class Xla(DoctorTest):
    def doctor(self, code, *arguments, **variables):
        environment = {"PATH": os.environ["PATH"], "HOME": "/nonexistent", **variables}
        done = subprocess.run([IX, "doctor", *arguments], capture_output=True, text=True,
                              env=environment, timeout=240)
        self.assertEqual(done.returncode, code, done.stdout + done.stderr)
        return done.stdout, done.stderr

    def test_every_step_passes_with_two_devices(self):
        out, err = self.doctor(0, "--device", "pjrt:" + PLUGIN, "--deep", "--json")
        report = json.loads(out)
        self.check_report(report)
        self.assertEqual([step["id"] for step in report["steps"]], XLA_STEPS)
        self.assertEqual(report["device"]["name"], "pjrt")
        self.assertEqual(report["device"]["cores"], 2)
        self.assertIn(f"{len(XLA_STEPS)} steps: {len(XLA_STEPS)} ok", err)

    def test_xla_finds_the_plugin(self):
        out, _ = self.doctor(0, "--device", "xla", "--tp", "3", IX_PJRT_PLUGIN=PLUGIN)
        self.assertRegex(out, r"ok +devices +xla cpu, 3 devices")

    def test_without_a_device_it_says_what_the_machine_has(self):
        out, _ = self.doctor(0, IX_PJRT_PLUGIN=PLUGIN)
        self.assertEqual([line.split("  ")[0] for line in out.splitlines()],
                         ["ix", "cpu", "kernels", "threads", "memory", "huge pages", "PJRT plugin " +
                          PLUGIN, "libnrt", "neuronx-cc"])
        out, _ = self.doctor(0, "--json", IX_PJRT_PLUGIN=PLUGIN)
        report = json.loads(out)
        self.check_report(report)
        self.assertEqual(report["host"]["libraries"],
                         {"pjrt_plugin": True, "libnrt": None, "neuronx-cc": None})
        self.assertEqual((report["device"], report["steps"]), (None, []))

    def test_wrong_usage(self):
        for arguments, message in (
                (("--deep",), "give --device neuron, xla or pjrt:PATH"),
                (("--device", "cpu"), "ix doctor examines neuron, xla or pjrt:PATH"),
                (("--device", "gpu"), "--device gpu: give"),
                (("--tp", "0"), "--tp is '0', but must be from 1 to 1024"),
                (("--device", "neuron", "--step-limit", "x"), "--step-limit is 'x'"),
                (("--json", "/proc/none/report"), "the file cannot be written")):
            _, err = self.doctor(2, *arguments)
            self.assertTrue(err.startswith("ix: ") and err.count("\n") == 1, err)
            self.assertIn(message, err)

    def test_help_has_examples(self):
        out, _ = self.doctor(0, "--help")
        self.assertIn("ix doctor --device neuron --deep --json report.json",
                      out[out.index("Examples:"):])


if __name__ == "__main__":
    unittest.main(argv=[sys.argv[0], *sys.argv[5:]])
