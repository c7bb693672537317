"""ix bench and ix bench gemm: the tests that they run, their fields, and what they count.

    bench_test.py IX TINY_MODELS
"""
import csv
import io
import json
from statistics import mean, stdev

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


class Bench(CommandTest):
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
        self.assertAlmostEqual(result["share_read"] * result["limit_read_gbs"], result["avg_gbs"])
        if result["limit_int8_gops"] is not None:  # the CPU has an instruction that is probed
            self.assertAlmostEqual(result["share_int8"] * result["limit_int8_gops"],
                                   result["avg_gops"])
        self.assertTrue(0 <= result["limit_drift"] < 1)

    def test_without_limits_there_are_no_shares(self):
        result, = self.bench("-p", "5", "-n", "0", "-r", "1")
        for name in ("limit_int8_gops", "limit_read_gbs", "limit_drift", "share_int8",
                     "share_read"):
            self.assertIsNone(result[name])

    def test_csv_has_the_fields_of_json_but_arrays(self):
        arguments = ["bench", "-m", MODEL, "-p", "4", "-n", "2", "-r", "1", "--no-limits", "-o"]
        rows = list(csv.DictReader(io.StringIO(self.succeeds(*arguments, "csv").decode())))
        results = json.loads(self.succeeds(*arguments, "json"))
        self.assertEqual(len(rows), 2)
        for row, result in zip(rows, results):
            self.assertEqual(list(row), [k for k, v in result.items() if not isinstance(v, list)])
            self.assertEqual(row["model_filename"], MODEL)
            self.assertEqual(row["linear_ops"], str(result["linear_ops"]))
            self.assertEqual(row["share_read"], "")

    def test_table_has_a_row_a_test(self):
        out = self.succeeds("bench", "-m", MODEL, "-p", "4", "-n", "2", "-npl", "1,2", "-r", "2",
                            "--no-limits").decode()
        lines = [[cell.strip() for cell in line.strip("|").split("|")] for line in out.splitlines()
                 if line.startswith("|")]
        self.assertEqual(lines[0][-6:], ["test", "t/s", "GB/s", "% read", "GOPS", "% int8"])
        self.assertEqual([line[-6] for line in lines[2:]], ["pp4", "tg2", "tg2 x2"])
        for line in lines[2:]:
            self.assertRegex(line[-5], r"\A\d+\.\d\d ± \d+\.\d\d\Z")
            self.assertEqual((line[-3], line[-1]), ("-", "-"))


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


class Gemm(CommandTest):
    BLOCKS = {"Q4_0": (32, 18), "Q4_K": (256, 144), "Q6_K": (256, 210), "Q8_0": (32, 34)}

    def gemm(self, *arguments):
        return json.loads(self.succeeds("bench", "gemm", "-o", "json", "--no-limits",
                                        "--working-set", "0", *arguments))

    def test_every_type_isa_and_shape_has_a_result(self):
        results = self.gemm("--type", "q4_K,Q6_k", "--isa", "all", "-M", "32,48", "-N", "1,5", "-K",
                            "256", "-t", "2", "-r", "1")
        isas = [r["isa"] for r in results if (r["type"], r["m"], r["n"]) == ("Q4_K", 32, 1)]
        self.assertEqual(isas[-1], "generic")
        self.assertEqual([(r["type"], r["m"], r["isa"], r["n"]) for r in results],
                         [(t, m, i, n) for t in ("Q4_K", "Q6_K") for m in (32, 48) for i in isas
                          for n in (1, 5)])

    def test_speeds_come_from_times_and_shapes(self):
        for result in self.gemm("--type", ",".join(self.BLOCKS), "-M", "64", "-N", "3", "-K", "512",
                                "-r", "2"):
            times = result["samples_ns"]
            self.assertEqual(len(times), 2)
            rate = mean(1 / time for time in times)
            self.assertAlmostEqual(result["avg_gops"] / (2 * 64 * 3 * 512 * rate), 1)
            self.assertAlmostEqual(result["avg_gbs"] / (result["packed_bytes"] * rate), 1)
            cols, size = self.BLOCKS[result["type"]]
            source = 64 * 512 // cols * size
            # Panels cost at most 1.04 times the file's bytes (docs/design/overview.md).
            self.assertTrue(0.9 * source <= result["packed_bytes"] <= 1.04 * source, result)
            self.assertEqual(result["working_set_bytes"], result["packed_bytes"])

    def test_copies_fill_the_working_set(self):
        result, = json.loads(self.succeeds("bench", "gemm", "--no-limits", "-o", "json", "--type",
                                           "q4_K", "-M", "64", "-K", "256", "-N", "1",
                                           "--working-set", "2", "-r", "1"))
        copies, rest = divmod(result["working_set_bytes"], result["packed_bytes"])
        self.assertEqual(rest, 0)
        self.assertTrue((copies - 1) * result["packed_bytes"] < 2e6 <= result["working_set_bytes"])

    def test_default_types_are_those_that_files_of_q4_k_m_have_and_more(self):
        types = {r["type"] for r in self.gemm("-M", "16", "-N", "1", "-K", "256", "-r", "1")}
        self.assertLessEqual({"Q4_K", "Q6_K", "Q5_0", "Q8_0"}, types)

    def test_shares_are_of_the_limits_of_int8_and_reading(self):
        result, = json.loads(self.succeeds("bench", "gemm", "-o", "json", "--type", "q4_K", "-M",
                                           "16", "-N", "1", "-K", "256", "-r", "1"))
        if result["limit_int8_gops"] is not None:  # the CPU has an instruction that is probed
            self.assertAlmostEqual(result["share_int8"] * result["limit_int8_gops"],
                                   result["avg_gops"])
        self.assertAlmostEqual(result["share_read"] * result["limit_read_gbs"], result["avg_gbs"])

    def test_table(self):
        out = self.succeeds("bench", "gemm", "--type", "q4_K", "-M", "16", "-N", "1", "-K", "256",
                            "--no-limits", "-r", "1", "--working-set", "0").decode()
        self.assertRegex(out.splitlines()[2], r"\A\| Q4_K +\| \w+ +\| +16 \| +1 \| +256 \|")


class GemmExact(CommandTest):
    COMMAND = ["bench", "gemm", "--exact", "-o", "json", "-r", "2", "-K", "512"]

    def exact(self, *arguments):
        return json.loads(self.succeeds(*self.COMMAND, "--no-limits", "--working-set", "0",
                                        *arguments))

    def test_both_forms_of_weights_have_every_isa_and_shape(self):
        results = self.exact("--isa", "all", "-M", "32,40", "-N", "1,13", "-t", "1,2")
        isas = list(dict.fromkeys(r["isa"] for r in results))
        self.assertEqual(isas[-1], "generic")
        self.assertEqual(
            [(r["weights"], r["m"], r["n_threads"], r["isa"], r["n"]) for r in results],
            [(w, m, t, i, n) for w in ("blocks", "halves") for m in (32, 40) for t in (1, 2)
             for i in isas for n in (1, 13)])
        self.assertEqual({(r["type"], r["k"]) for r in results}, {("Q4_K", 512)})

    def test_speeds_come_from_times_and_shapes(self):
        # 40 rows of two blocks of 144 bytes; halves lie in panels of 32 rows.
        weight_bytes = {"blocks": 40 * 2 * 144, "halves": 64 * 512 * 2}
        results = self.exact("-M", "40", "-N", "3")
        self.assertEqual([r["weights"] for r in results], list(weight_bytes))
        for result in results:
            times = result["samples_ns"]
            self.assertEqual(len(times), 2)
            rate = mean(1 / time for time in times)
            self.assertAlmostEqual(result["avg_gops"] / (2 * 40 * 3 * 512 * rate), 1)
            self.assertEqual(result["weight_bytes"], weight_bytes[result["weights"]])
            self.assertAlmostEqual(result["avg_gbs"] / (result["weight_bytes"] * rate), 1)
            self.assertEqual(result["working_set_bytes"], result["weight_bytes"])

    def test_copies_fill_the_working_set(self):
        for result in self.exact("-M", "64", "-N", "1", "--working-set", "1"):
            copies, rest = divmod(result["working_set_bytes"], result["weight_bytes"])
            self.assertEqual(rest, 0)
            self.assertTrue((copies - 1) * result["weight_bytes"] < 1e6 <=
                            result["working_set_bytes"])

    def test_shares_are_of_the_limits_of_fp32_and_reading(self):
        for result in json.loads(self.succeeds(*self.COMMAND, "-M", "64", "-N", "2")):
            if result["limit_fp32_gops"] is not None:  # the CPU has an instruction that is probed
                self.assertAlmostEqual(result["share_fp32"] * result["limit_fp32_gops"],
                                       result["avg_gops"])
            self.assertAlmostEqual(result["share_read"] * result["limit_read_gbs"],
                                   result["avg_gbs"])
            self.assertTrue(0 <= result["limit_drift"] < 1)
            self.assertNotIn("limit_int8_gops", result)

    def test_without_limits_there_are_no_shares(self):
        for result in self.exact("-M", "32", "-N", "1"):
            for name in ("limit_fp32_gops", "limit_read_gbs", "limit_drift", "share_fp32",
                         "share_read"):
                self.assertIsNone(result[name])

    def test_csv_has_the_fields_of_json_but_arrays(self):
        arguments = ["bench", "gemm", "--exact", "-M", "32", "-N", "2", "-K", "256", "-r", "1",
                     "--no-limits", "-o"]
        rows = list(csv.DictReader(io.StringIO(self.succeeds(*arguments, "csv").decode())))
        results = json.loads(self.succeeds(*arguments, "json"))
        self.assertEqual([row["weights"] for row in rows], ["blocks", "halves"])
        for row, result in zip(rows, results, strict=True):
            self.assertEqual(list(row), [k for k, v in result.items() if not isinstance(v, list)])

    def test_table(self):
        out = self.succeeds("bench", "gemm", "--exact", "--type", "Q4_k", "-M", "32", "-N", "1",
                            "-K", "256", "--no-limits", "-r", "1", "--working-set", "0").decode()
        rows = [[cell.strip() for cell in line.strip("|").split("|")] for line in out.splitlines()
                if line.startswith("|")]
        self.assertEqual(rows[0], ["weights", "isa", "M", "N", "K", "threads", "GOPS", "% fp32",
                                   "GB/s", "% read"])
        self.assertEqual([(row[0], *row[2:5], row[7], row[9]) for row in rows[2:]],
                         [(w, "32", "1", "256", "-", "-") for w in ("blocks", "halves")])


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
        self.assertEqual(self.fails(2, "bench", "gemm", "--tpye", "q4_K"),
                         "unknown flag --tpye (did you mean --type?)")
        self.assertEqual(self.fails(2, "bench", "gemm", "--completely-different"),
                         "unknown flag --completely-different; see ix bench gemm --help")

    def test_models(self):
        self.assertEqual(self.fails(2, "bench"), "give a model: -m FILE.gguf")
        self.assertIn("/nowhere.gguf", self.fails(1, "bench", "-m", "/nowhere.gguf"))

    def test_a_cache_that_does_not_fit_is_refused_before_anything_runs(self):
        self.assertIn("not enough memory", self.fails(1, "bench", "-m", MODEL, "-p", "0", "-n", "1",
                                                      "-d", str(1 << 24), "-npl", "64"))

    def test_gemm(self):
        self.assertRegex(self.fails(2, "bench", "gemm", "--type", "q9_K"),
                         r"\A--type is 'q9_K', but must be some of .*Q4_K, .*Q6_K")
        self.assertIn("Q4_K needs a multiple of 256",
                      self.fails(2, "bench", "gemm", "--type", "q4_K", "-K", "100"))
        self.assertEqual(self.fails(2, "bench", "gemm", "-N", "0"),
                         "-N is '0', but must be numbers from 1 to 65536")
        self.assertIn("'z80'", self.fails(2, "bench", "gemm", "--isa", "z80"))
        self.assertIn("not enough memory",
                      self.fails(1, "bench", "gemm", "--type", "q8_0", "-M", str(1 << 20), "-K",
                                 str(1 << 20), "-N", "1"))
        self.assertIn("not enough memory: activations and results",
                      self.fails(1, "bench", "gemm", "--type", "q4_K", "-M", str(1 << 20), "-K",
                                 "256", "-N", "65536"))

    def test_exact_gemm(self):
        self.assertEqual(self.fails(2, "bench", "gemm", "--exact", "--type", "q4_K,q6_K"),
                         "--type is 'q6_K', but must be Q4_K with --exact")
        self.assertIn("Q4_K needs a multiple of 256",
                      self.fails(2, "bench", "gemm", "--exact", "-K", "128"))
        self.assertIn("not enough memory: weights",
                      self.fails(1, "bench", "gemm", "--exact", "-M", str(1 << 20), "-K",
                                 str(1 << 20), "-N", "1"))
        self.assertIn("not enough memory: activations and results",
                      self.fails(1, "bench", "gemm", "--exact", "-M", str(1 << 20), "-K", "256",
                                 "-N", "65536"))

    def test_help_of_the_inner_command_has_examples(self):
        text = self.succeeds("bench", "gemm", "--help").decode()
        examples = text[text.index("Examples:"):]
        self.assertIn("ix bench gemm --type", examples)
        self.assertIn("ix bench gemm --exact", examples)


if __name__ == "__main__":
    main()
