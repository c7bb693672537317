"""ix bench: the tests that they run, their fields, and what they count.

    bench_test.py IX TINY_MODELS
"""
import json
from statistics import mean, stdev

from bench_reports import ReportTest
from command import MODELS, CommandTest, main

MODEL = MODELS + "/llama-q4km.gguf"
WINDOWED = MODELS + "/gemma3-q5q8.gguf"
# Of llama-bench b11434's JSON, without what only GPUs and its own loader have.
LLAMA_BENCH_FIELDS = {
    "build_commit": str, "cpu_info": str, "backends": str, "model_filename": str, "model_type": str,
    "model_size": int, "model_n_params": int, "n_batch": int, "n_ubatch": int, "n_threads": int,
    "type_k": str, "type_v": str, "n_prompt": int, "n_gen": int, "n_depth": int, "test_time": str,
    "avg_ns": int, "stddev_ns": int, "avg_ts": float, "stddev_ts": float, "samples_ns": list,
    "samples_ts": list}


class Bench(ReportTest):
    def bench(self, *arguments, model=MODEL):
        return json.loads(self.succeeds("bench", "-m", model, "-o", "json", "--no-limits", "-t",
                                        "2", *arguments))


class Fields(Bench):
    def test_json_has_llama_bench_s_fields(self):
        for result in self.bench("-p", "5", "-n", "3", "-r", "2"):
            for name, kind in LLAMA_BENCH_FIELDS.items():
                self.assertIsInstance(result[name], kind, name)
            self.assertRegex(result["test_time"], r"\A\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ\Z")
            self.assertEqual(result["model_filename"], MODEL)

    def test_model_is_what_inspect_says(self):
        inspected = json.loads(self.succeeds("inspect", MODEL, "--json"))
        result, = self.bench("-p", "5", "-n", "0", "-r", "1")
        self.assertEqual(result["model_n_params"], inspected["parameters"])
        self.assertEqual(result["model_size"], sum(t["bytes"] for t in inspected["tensors"]))

    def test_speeds_come_from_the_times(self):
        for result in self.bench("-p", "5", "-n", "3", "-r", "4", "-npl", "2"):
            tokens = result["n_prompt"] + result["n_gen"] * result["n_parallel"]
            times = result["samples_ns"]
            self.assertEqual(len(times), 4)
            speeds = [tokens * 1e9 / time for time in times]
            for got, expected in zip(result["samples_ts"], speeds, strict=True):
                self.assertAlmostEqual(got / expected, 1)
            self.assertAlmostEqual(result["avg_ts"] / mean(speeds), 1)
            self.assertAlmostEqual(result["stddev_ts"], stdev(speeds), delta=1e-6 * mean(speeds))
            self.assertAlmostEqual(result["avg_ns"], mean(times), delta=1)
            self.assertAlmostEqual(result["stddev_ns"], stdev(times), delta=1)
            rate = mean(1 / time for time in times)  # bytes a ns are GB/s
            bytes_read = result["weight_bytes"] + result["kv_bytes"]
            self.assertAlmostEqual(result["avg_gbs"] / (bytes_read * rate), 1)
            self.assertAlmostEqual(result["avg_gops"] / (result["linear_ops"] * rate), 1)

    def test_one_repetition_has_no_deviation(self):
        result, = self.bench("-p", "5", "-n", "0", "-r", "1")
        self.assertEqual((result["stddev_ns"], result["stddev_ts"]), (0, 0))

    def test_shares_are_of_the_limits(self):
        out = self.succeeds("bench", "-m", MODEL, "-o", "json", "-p", "4", "-n", "0", "-r", "1")
        result, = json.loads(out)
        self.assertGreater(result["limit_read_gbs"], 0)
        self.expect_shares(result, "int8")
        self.assertTrue(0 <= result["limit_drift"] < 1)

    def test_without_limits_there_are_no_shares(self):
        result, = self.bench("-p", "5", "-n", "0", "-r", "1")
        self.expect_no_shares(result, "int8")

    def test_by_turns_compares_decoding_with_reading_as_much(self):
        prompt, decoded = self.bench("-p", "5", "-n", "3", "-r", "2", "--by-turns")
        self.assertIsNone(prompt["share_turns_read"])
        self.assertIsNone(prompt["turns_read_gbs"])
        self.assertEqual(len(decoded["samples_ns"]), 2)
        self.assertGreater(decoded["turns_read_gbs"], 0)
        self.assertGreater(decoded["share_turns_read"], 0)
        # With one repetition the share is that of two speeds.
        one, = self.bench("-p", "0", "-n", "3", "-r", "1", "--by-turns")
        self.assertAlmostEqual(one["share_turns_read"],
                               one["avg_gbs"] / one["turns_read_gbs"], delta=1e-3 * one["share_turns_read"])
        without = self.bench("-p", "0", "-n", "3", "-r", "1")[0]
        self.assertIsNone(without["share_turns_read"])

    def test_csv_has_the_fields_of_json_but_arrays(self):
        rows, results = self.csv_and_json("bench", "-m", MODEL, "-p", "4", "-n", "2", "-r", "1",
                                          "--no-limits")
        self.assertEqual(len(rows), 2)
        for row, result in zip(rows, results):
            self.assertEqual(row["model_filename"], MODEL)
            self.assertEqual(row["linear_ops"], str(result["linear_ops"]))
            self.assertEqual(row["share_read"], "")

    def test_table_has_a_row_a_test(self):
        lines = self.table("bench", "-m", MODEL, "-p", "4", "-n", "2", "-npl", "1,2", "-r", "2",
                           "--no-limits")
        self.assertEqual(lines[0][-6:], ["test", "t/s", "GB/s", "% read", "GOPS", "% int8"])
        self.assertEqual([line[-6] for line in lines[2:]], ["pp4", "tg2", "tg2 x2"])
        for line in lines[2:]:
            self.assertRegex(line[-5], r"\A\d+\.\d\d ± \d+\.\d\d\Z")
            self.assertEqual((line[-3], line[-1]), ("-", "-"))
        lines = self.table("bench", "-m", MODEL, "-p", "4", "-n", "2", "-r", "1", "--no-limits",
                           "--by-turns")
        self.assertEqual([line[-1] for line in lines[::2]], ["% by turns", "-"])
        self.assertRegex(lines[3][-1], r"\A\d+\.\d %\Z")


class Tests(Bench):
    def test_lists_make_a_test_of_each(self):
        results = self.bench("-p", "4,0,8", "-n", "2", "-npl", "1,3", "-d", "0,5", "-r", "1", "-t",
                             "1,2")
        tests = ["pp4", "pp8", "tg2", "tg2 x3"]
        tests += [test + " @ d5" for test in tests]
        self.assertEqual([(r["n_threads"], r["test"]) for r in results],
                         [(threads, test) for threads in (2, 1, 2) for test in tests])
        self.assertEqual([(r["n_prompt"], r["n_gen"], r["n_depth"], r["n_parallel"])
                          for r in results[4:8]],
                         [(4, 0, 5, 1), (8, 0, 5, 1), (0, 2, 5, 1), (0, 2, 5, 3)])

    def test_flags_and_models_may_be_repeated(self):
        results = self.bench("-m", WINDOWED, "-p", "4", "-p", "8", "-n", "0", "-r", "1")
        self.assertEqual([(r["model_filename"], r["test"]) for r in results],
                         [(m, t) for m in (MODEL, WINDOWED) for t in ("pp4", "pp8")])

    def test_defaults_are_llama_bench_s(self):
        once = json.loads(self.succeeds("bench", "-m", MODEL, "-o", "json", "--no-limits", "-r",
                                        "1"))
        self.assertEqual([r["test"] for r in once], ["pp512", "tg128"])
        short = json.loads(self.succeeds("bench", "-m", MODEL, "-o", "json", "--no-limits", "-p",
                                         "4", "-n", "0"))
        self.assertEqual(len(short[0]["samples_ns"]), 5)

    def test_streams_and_depth_past_a_window(self):
        # The window is 8 positions: its blocks are written over many times.
        results = self.bench("-p", "40", "-n", "40", "-npl", "3", "-d", "100", "-b", "16", "-r",
                             "2", model=WINDOWED)
        self.assertEqual([r["test"] for r in results], ["pp40 @ d100", "tg40 x3 @ d100"])


class CountedModel:
    """What a llama of one head width reads and multiplies, from its tensors and metadata."""

    def __init__(self, inspected):
        self.meta = inspected["metadata"]
        tensors = {t["name"]: t for t in inspected["tensors"]}
        tensors.pop("rope_freqs.weight", None)  # read when the model is loaded
        embedding = tensors.pop("token_embd.weight")
        self.embedding_row = embedding["bytes"] // embedding["shape"][1]
        self.tied = "output.weight" not in tensors
        head = embedding if self.tied else tensors.pop("output.weight")
        # The last norm is for the rows that want a token, as the head is.
        self.head_bytes = head["bytes"] + tensors.pop("output_norm.weight")["bytes"]
        self.head_weights = head["shape"][0] * head["shape"][1]
        self.body_bytes = sum(t["bytes"] for t in tensors.values())
        self.body_weights = sum(t["shape"][0] * t["shape"][1] for t in tensors.values()
                                if len(t["shape"]) == 2)

    def kv_bytes(self, positions):
        """Keys and values, in halves."""
        heads = self.meta["llama.attention.head_count_kv"]
        width = self.meta["llama.embedding_length"] // self.meta["llama.attention.head_count"]
        return positions * self.meta["llama.block_count"] * heads * 2 * width * 2


class Counts(Bench):
    def models(self):
        tied = []
        for path in (MODEL, MODELS + "/llama-types.gguf"):
            model = CountedModel(json.loads(self.succeeds("inspect", path, "--json")))
            tied.append(model.tied)
            with self.subTest(path):
                yield path, model
        self.assertEqual(tied, [True, False])

    def test_decoding_reads_every_tensor_and_what_is_cached(self):
        for path, model in self.models():
            for depth, streams in ((0, 1), (0, 3), (20, 1), (20, 3)):
                result, = self.bench("-p", "0", "-n", "4", "-d", str(depth), "-npl", str(streams),
                                     "-r", "1", model=path)
                step = model.body_bytes + model.head_bytes + streams * model.embedding_row
                self.assertEqual(result["weight_bytes"], 4 * step)
                positions = sum(depth + i + 1 for i in range(4)) * streams
                self.assertEqual(result["kv_bytes"], model.kv_bytes(positions))
                self.assertEqual(result["linear_ops"],
                                 2 * 4 * streams * (model.body_weights + model.head_weights))

    def test_a_prompt_reads_tensors_once_a_step_and_the_head_once(self):
        for path, model in self.models():
            result, = self.bench("-p", "40", "-n", "0", "-b", "16", "-d", "3", "-r", "1",
                                 model=path)
            self.assertEqual(result["weight_bytes"], 3 * model.body_bytes + model.head_bytes +
                             40 * model.embedding_row)
            # Steps end at positions 19, 35 and 43.
            self.assertEqual(result["kv_bytes"], model.kv_bytes(19 + 35 + 43))
            self.assertEqual(result["linear_ops"],
                             2 * (40 * model.body_weights + model.head_weights))
            seen = sum(3 + i + 1 for i in range(40))
            # Scores and weighted values of every head: two products as wide as all heads.
            self.assertEqual(result["attention_ops"],
                             2 * 2 * model.meta["llama.embedding_length"] *
                             model.meta["llama.block_count"] * seen)

    def test_a_window_limits_what_is_read(self):
        inspected = json.loads(self.succeeds("inspect", WINDOWED, "--json"))
        meta = inspected["metadata"]
        window = meta["gemma3.attention.sliding_window"]
        self.assertEqual(window, 8)
        kv = [self.bench("-p", "0", "-n", "1", "-d", str(depth), "-r", "1",
                         model=WINDOWED)[0]["kv_bytes"] for depth in (20, 21, 22)]
        layer = 2 * 2 * meta["gemma3.attention.head_count_kv"] * meta["gemma3.attention.key_length"]
        growing = (kv[1] - kv[0]) // layer  # layers without a window
        self.assertEqual(kv[2] - kv[1], kv[1] - kv[0])
        windowed = meta["gemma3.block_count"] - growing
        self.assertTrue(0 < windowed < meta["gemma3.block_count"])
        self.assertEqual(kv[0], layer * (windowed * 8 + growing * 21))


class Wrong(CommandTest):
    def bench_fails(self, *arguments):
        return self.fails(2, "bench", "-m", MODEL, *arguments)

    def test_values(self):
        self.assertEqual(self.bench_fails("-p", "4,x"),
                         "-p is '4,x', but must be numbers of 0 or more")
        self.assertEqual(self.bench_fails("-n", "4,"),
                         "-n is '4,', but must be numbers of 0 or more")
        self.assertEqual(self.bench_fails("-npl", "0"),
                         "-npl is '0', but must be numbers from 1 to 4096")
        self.assertEqual(self.bench_fails("-r", "0"), "-r is '0', but must be from 1 to 1000000")
        self.assertEqual(self.bench_fails("-o", "xml"), "-o is 'xml', but must be md, csv or json")
        self.assertEqual(self.bench_fails("-p", "0", "-n", "0"),
                         "nothing to measure: -p and -n are 0")
        self.assertIn("unknown CPU instruction set 'z80'", self.bench_fails("--isa", "z80"))

    def test_flags(self):
        self.assertEqual(self.bench_fails("--n-promt", "4"),
                         "unknown flag --n-promt (did you mean --n-prompt?)")

    def test_models(self):
        self.assertEqual(self.fails(2, "bench"), "give a model: -m FILE.gguf")
        self.assertIn("/nowhere.gguf", self.fails(1, "bench", "-m", "/nowhere.gguf"))

    def test_a_cache_that_does_not_fit_is_refused_before_anything_runs(self):
        self.assertIn("not enough memory", self.fails(1, "bench", "-m", MODEL, "-p", "0", "-n", "1",
                                                      "-d", str(1 << 24), "-npl", "64"))


if __name__ == "__main__":
    main()
