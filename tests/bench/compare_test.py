"""bench/compare and bench/roofline.py on fake engines with known answers.

    compare_test.py
"""
import json
import subprocess
import sys
import tempfile
import unittest
import xml.etree.ElementTree as ET
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
FAKE = Path(__file__).with_name("fake_engine.py")


class FakeEngines(unittest.TestCase):
    def setUp(self):
        directory = tempfile.TemporaryDirectory()
        self.addCleanup(directory.cleanup)
        self.directory = Path(directory.name)

    def fake(self, name, answers):
        path = self.directory / name
        # A copy: the fake tells who it is by its own path.
        path.write_text(f"#!{sys.executable}\n" + FAKE.read_text())
        path.chmod(0o755)
        (self.directory / (name + ".answers")).write_text(
            "\n".join(a if isinstance(a, str) else json.dumps(a) for a in answers))
        return str(path)

    def limits(self, *values):
        """A probe a pair (int8, read)."""
        return self.fake("limits", [{"int8_gops": a, "read_gbs": b} for a, b in values])

    def ix(self, *speeds, name="ix", generate=2, **more):
        # 3 MB of weights and 1 MB of keys and values a step; 8 MOP a token.
        return self.fake(name, [[{"avg_ts": speed, "weight_bytes": 3_000_000 * generate,
                                  "kv_bytes": 1_000_000 * generate, "cpu_info": "a CPU",
                                  "linear_ops": 8_000_000 * generate * more.get("parallel", 1),
                                  "model_type": "llama", "model_size": 1,
                                  "model_n_params": 2}] for speed in speeds])

    def peer(self, *speeds):
        return self.fake("peer", [[{"avg_ts": speed}] for speed in speeds])

    def compare(self, *arguments):
        out = self.directory / "out.json"
        done = subprocess.run([sys.executable, str(ROOT / "bench/compare"), "-m", "m.gguf",
                               "--limits", str(self.directory / "limits"), "-o", str(out),
                               *arguments], capture_output=True, text=True, timeout=60)
        self.done = done
        return json.loads(out.read_text()) if out.exists() else None

    def calls(self, name):
        return (self.directory / (name + ".calls")).read_text().splitlines()


class Compare(FakeEngines):
    def test_medians_ranges_ratios_and_shares(self):
        self.limits((100, 10), (100, 10), (100, 10), (100, 10))
        ix, peer = self.ix(500, 700, 600), self.peer(200, 350, 400)
        report = self.compare("--ix", f"ours={ix}", "--peer", f"theirs={peer},-fa,on", "-p", "0",
                              "-n", "2", "--rounds", "3")
        self.assertEqual(self.done.returncode, 0, self.done.stderr)
        test, = report["tests"]
        self.assertEqual((test["test"], test["rounds_kept"], test["rounds_dropped"]), ("tg2", 3, 0))
        self.assertEqual((test["bytes_per_token"], test["ops_per_token"]), (4e6, 8e6))
        ours, theirs = test["engines"]
        self.assertEqual((ours["median_ts"], ours["min_ts"], ours["max_ts"]), (600, 500, 700))
        self.assertEqual((theirs["median_ts"], theirs["min_ts"], theirs["max_ts"]), (350, 200, 400))
        self.assertAlmostEqual(ours["ratio"], 1)
        self.assertAlmostEqual(theirs["ratio"], 600 / 350)
        self.assertAlmostEqual(theirs["median_round_ratio"], 2)  # of 2.5, 2 and 1.5
        self.assertAlmostEqual(ours["gbs"], 2.4)  # 600 tokens of 4 MB
        self.assertAlmostEqual(ours["share_read"], 0.24)
        self.assertAlmostEqual(ours["gops"], 4.8)
        self.assertAlmostEqual(ours["share_int8"], 0.048)
        self.assertAlmostEqual(theirs["share_read"], 0.14)
        self.assertIn("| theirs |", self.done.stdout)
        self.assertEqual(self.calls("peer"), ["-m m.gguf -p 0 -n 2 -t 2 -r 1 -o json -fa on"] * 3)

    def test_a_round_with_drift_is_dropped_counted_and_run_again(self):
        # The second round loses 11 % of the read rate. The third loses half of int8, which binds a
        # token only a fifth as much (8 MOP at 100 GOPS, 4 MB at 8.9 to 10 GB/s): 50 % count as 9 %.
        self.limits((100, 10), (100, 10), (100, 8.9), (50, 8.9), (50, 8.9))
        ix, peer = self.ix(500, 9999, 600, 700), self.peer(100, 1, 100, 100)
        report = self.compare("--ix", f"ix={ix}", "--peer", f"peer={peer}", "-p", "0", "-n", "2",
                              "--rounds", "3")
        drifts = [one["drift"] for one in report["tests"][0]["rounds"]]
        for drift, expected in zip(drifts, [0, 0.11, 0.5 * (8 / 100) / (4 / 8.9), 0]):
            self.assertAlmostEqual(drift, expected)
        test, = report["tests"]
        self.assertEqual([one["kept"] for one in test["rounds"]], [True, False, True, True])
        self.assertEqual((test["rounds_kept"], test["rounds_dropped"]), (3, 1))
        self.assertEqual(test["engines"][0]["median_ts"], 600)
        # The larger probe of a round is its limit.
        self.assertEqual(test["limits"], {"int8_gops": 100, "read_gbs": 8.9})

    def test_a_limit_that_binds_fully_counts_fully(self):
        # 8 MOP at 100 GOPS and 4 MB at 50 GB/s take as long: int8 counts whole.
        self.limits((100, 50), (89, 50), (89, 50))
        report = self.compare("--ix", f"ix={self.ix(1, 1)}", "-p", "0", "-n", "2", "--rounds", "1")
        self.assertEqual([one["kept"] for one in report["tests"][0]["rounds"]], [False, True])

    def test_gives_up_after_twice_the_rounds(self):
        self.limits(*[(100, 10 * 2**(i % 2)) for i in range(5)])
        ix = self.ix(1, 1, 1, 1)
        report = self.compare("--ix", f"ix={ix}", "-p", "0", "-n", "2", "--rounds", "2")
        self.assertEqual(self.done.returncode, 1)
        test, = report["tests"]
        self.assertEqual((test["rounds_kept"], test["rounds_dropped"]), (0, 4))
        self.assertEqual(test["engines"], [])
        self.assertIn("none of 4 rounds was kept: the machine's limits moved by 50.0 % or more",
                      self.done.stdout)

    def test_engines_take_turns_to_begin(self):
        self.limits(*[(100, 10)] * 4)
        first, second = self.ix(1, 1, name="a"), self.ix(1, 1, name="b")
        log = self.directory / "order"
        for path in (first, second):
            text = Path(path).read_text()
            Path(path).write_text(text + f"open({str(log)!r}, 'a').write(me.name)\n")
        self.compare("--ix", f"new={first}", "--ix", f"old={second}", "-p", "0", "-n", "2",
                     "--rounds", "2")
        self.assertEqual(log.read_text(), "abba")

    def test_streams_are_held_against_batched_bench(self):
        self.limits(*[(100, 10)] * 2)
        ix = self.ix(80, parallel=8)
        batched = self.fake("batched", ['{"pp": 1, "speed_tg": 40.0}'])
        report = self.compare("--ix", f"ix={ix}", "--peer-batched", f"peer={batched}", "-p", "0",
                              "-n", "2", "-npl", "8", "--rounds", "1")
        self.assertEqual(self.done.returncode, 0, self.done.stderr)
        test, = report["tests"]
        self.assertEqual((test["test"], test["n_parallel"], test["n_depth"]), ("tg2 x8", 8, 1))
        self.assertEqual(test["engines"][1]["ratio"], 2)
        # A step reads 4 MB for eight tokens.
        self.assertEqual(test["bytes_per_token"], 500_000)
        self.assertEqual(self.calls("batched"),
                         ["-m m.gguf -c 24 -npp 1 -ntg 2 -npl 8 -t 2 --output-format jsonl"])
        self.assertIn("-d 1 -npl 8", self.calls("ix")[0])

    def test_decoding_at_a_depth_takes_batched_bench_and_its_table(self):
        self.limits(*[(100, 10)] * 2)
        ix, other = self.ix(80), self.fake("other", [[{"avg_ts": 10}]])
        table = "|   300 |     2 |   1 |   302 |    0.1 |  9.9 |    0.2 |    20.50 |  0.3 | 30.1 |"
        batched = self.fake("batched", [table])
        report = self.compare("--ix", f"ix={ix}", "--peer", f"one={batched}.unused", "--peer",
                              f"two={other}", "--peer-batched", f"one={batched}", "-p", "0", "-n",
                              "2", "-d", "300", "--rounds", "1")
        self.assertEqual(self.done.returncode, 0, self.done.stderr)
        test, = report["tests"]
        self.assertEqual([(e["name"], e["kind"], e["median_ts"]) for e in test["engines"]],
                         [("ix", "ix", 80), ("one", "llama-batched-bench", 20.5),
                          ("two", "llama-bench", 10)])
        self.assertIn("-npp 300 -ntg 2 -npl 1", self.calls("batched")[0])
        self.assertIn("-d 300", self.calls("other")[0])

    def test_a_failing_engine_is_named_with_its_message(self):
        self.limits((100, 10))
        ix = self.fake("ix", ["!no such model"])
        self.compare("--ix", f"ix={ix}", "-p", "4", "-n", "0")
        self.assertEqual(self.done.returncode, 1)
        self.assertIn("exit code 1: no such model", self.done.stderr)
        self.assertEqual(self.done.stderr.count("\n"), 1)

    def test_wrong_arguments(self):
        for arguments in (["--peer", "nameless"], ["-p", "x"], ["--rounds", "0"],
                          ["--ix", "a=x", "--peer", "a=y"]):
            self.compare(*arguments)
            self.assertEqual(self.done.returncode, 2, arguments)


class LoadTimes(FakeEngines):
    def load_times(self, *arguments):
        model = self.directory / "m.gguf"
        model.write_bytes(b"GGUF")
        self.out = self.directory / "out.json"
        self.done = subprocess.run(
            [sys.executable, str(ROOT / "bench/compare/load_times.py"), "-m", str(model), "-o",
             str(self.out), *arguments], capture_output=True, text=True, timeout=60)

    def test_every_round_has_every_engine_and_what_ix_says_of_loading(self):
        ix = self.fake("ix", [[{"avg_ts": 1, "load_ms": 1000 * s}] for s in (2, 4, 3)])
        self.load_times("--ix", f"ix={ix}", "--peer", f"peer={self.peer(1, 1, 1)},-rtr,1",
                        "--rounds", "3")
        self.assertEqual(self.done.returncode, 0, self.done.stderr)
        report = json.loads(self.out.read_text())
        self.assertEqual(report["loading"], [2, 4, 3])
        self.assertEqual([sorted(one) for one in report["rounds"]], [["ix", "peer"]] * 3)
        self.assertIn("3 rounds; ix loads in 3.00 s of them", self.done.stdout)
        ours, theirs = self.done.stdout.splitlines()[-2:]
        self.assertRegex(ours, r"^\| ix \| .* \| 1\.00 \|$")
        medians = [sorted(one[name] for one in report["rounds"])[1] for name in ("ix", "peer")]
        self.assertIn(f"| {medians[0] / medians[1]:.2f} |", theirs)
        self.assertEqual([" ".join(call.split()[2:]) for call in self.calls("peer")],
                         ["-p 0 -n 1 -t 2 -r 1 -o json -rtr 1"] * 3)

    def test_what_cannot_be_run_or_read_is_named(self):
        self.load_times("--ix", f"ix={self.fake('ix', ['!not a model'])}")
        self.assertEqual((self.done.returncode, self.done.stderr.count("\n")), (1, 1))
        self.assertIn("exit code 1: not a model", self.done.stderr)
        self.load_times("-m", "missing.gguf")
        self.assertEqual((self.done.returncode, self.done.stderr.count("\n")), (1, 1))
        self.assertIn("missing.gguf", self.done.stderr)


class Roofline(FakeEngines):
    def test_points_lie_below_the_roof_that_the_limits_draw(self):
        self.limits(*[(100, 10)] * 3)
        ix, peer = self.ix(500), self.peer(250)
        self.compare("--ix", f"ix={ix}", "--peer", f"a <peer>={peer}", "-p", "0", "-n", "2",
                     "--rounds", "1")
        self.assertEqual(self.done.returncode, 0, self.done.stderr)
        svg = self.directory / "out.svg"
        subprocess.run([sys.executable, str(ROOT / "bench/roofline.py"),
                        str(self.directory / "out.json"), "-o", str(svg)], check=True)
        tree = ET.parse(svg)
        space = "{http://www.w3.org/2000/svg}"
        start, ridge, end = [tuple(map(float, point.split(",")))
                             for point in tree.find(f".//{space}polyline").get("points").split()]
        # 1 to 100 operations a byte over 540 pixels, 1 to 1000 GOPS over 410; the ridge is at 10
        # operations a byte and 100 GOPS.
        self.assertEqual(start, (70.0, 323.3))
        self.assertEqual(ridge, (340.0, 186.7))
        self.assertEqual(end, (610.0, 186.7))
        points = {p.find(f"{space}title").text: p for p in tree.iter(f"{space}circle")
                  if p.find(f"{space}title").text.endswith("tokens/s")}
        self.assertEqual(len(points), 2)
        ours = points["ix: tg2, m.gguf: 500.00 tokens/s"]
        # 2 operations a byte, 4 GOPS.
        self.assertAlmostEqual(float(ours.get("cx")), 70 + 540 * 0.30103 / 2, delta=0.1)
        self.assertAlmostEqual(float(ours.get("cy")), 460 - 410 * 0.60206 / 3, delta=0.1)
        self.assertIn("a <peer>: tg2, m.gguf: 250.00 tokens/s", points)

    def test_refuses_a_file_without_measurements(self):
        path = self.directory / "empty.json"
        path.write_text('{"tests": []}')
        done = subprocess.run([sys.executable, str(ROOT / "bench/roofline.py"), str(path), "-o",
                               str(self.directory / "x.svg")], capture_output=True, text=True)
        self.assertEqual(done.returncode, 1)
        self.assertIn("no test in the file", done.stderr)
        self.assertFalse((self.directory / "x.svg").exists())


if __name__ == "__main__":
    unittest.main()
