"""ix bench gemm: the shapes that it runs, their fields, and what they count.

    bench_gemm_test.py IX TINY_MODELS
"""
import json
from statistics import mean

from bench_reports import ReportTest
from command import CommandTest, main


class Gemm(ReportTest):
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
        self.expect_shares(result, "int8")

    def test_table(self):
        out = self.succeeds("bench", "gemm", "--type", "q4_K", "-M", "16", "-N", "1", "-K", "256",
                            "--no-limits", "-r", "1", "--working-set", "0").decode()
        self.assertRegex(out.splitlines()[2], r"\A\| Q4_K +\| \w+ +\| +16 \| +1 \| +256 \|")


class GemmExact(ReportTest):
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
            self.expect_shares(result, "fp32")
            self.assertTrue(0 <= result["limit_drift"] < 1)
            self.assertNotIn("limit_int8_gops", result)

    def test_without_limits_there_are_no_shares(self):
        for result in self.exact("-M", "32", "-N", "1"):
            self.expect_no_shares(result, "fp32")

    def test_csv_has_the_fields_of_json_but_arrays(self):
        rows, _ = self.csv_and_json("bench", "gemm", "--exact", "-M", "32", "-N", "2", "-K", "256",
                                    "-r", "1", "--no-limits")
        self.assertEqual([row["weights"] for row in rows], ["blocks", "halves"])

    def test_table(self):
        rows = self.table("bench", "gemm", "--exact", "--type", "Q4_k", "-M", "32", "-N", "1", "-K",
                          "256", "--no-limits", "-r", "1", "--working-set", "0")
        self.assertEqual(rows[0], ["weights", "isa", "M", "N", "K", "threads", "GOPS", "% fp32",
                                   "GB/s", "% read"])
        self.assertEqual([(row[0], *row[2:5], row[7], row[9]) for row in rows[2:]],
                         [(w, "32", "1", "256", "-", "-") for w in ("blocks", "halves")])


class Wrong(CommandTest):
    def test_flags(self):
        self.assertEqual(self.fails(2, "bench", "gemm", "--tpye", "q4_K"),
                         "unknown flag --tpye (did you mean --type?)")
        self.assertEqual(self.fails(2, "bench", "gemm", "--completely-different"),
                         "unknown flag --completely-different; see ix bench gemm --help")

    def test_values(self):
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

    def test_values_with_exact(self):
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
