"""ix_limits: the object that it prints.

    limits_test.py IX_LIMITS
"""
import json
import subprocess
import sys
import unittest

LIMITS = sys.argv[1]


class Limits(unittest.TestCase):
    def test_json_has_the_best_of_each_arithmetic(self):
        done = subprocess.run([LIMITS, "-t", "1", "--quick", "--json"], capture_output=True,
                              check=True, timeout=60)
        out = json.loads(done.stdout)
        self.assertEqual(out["threads"], 1)
        self.assertGreater(out["read_gbs"], 0)
        self.assertGreaterEqual(out["read_gbs"], out["read_median_gbs"])
        for arithmetic in ("int8", "bf16", "fp32"):
            speeds = [loop["gops"] for loop in out["arithmetic"]
                      if loop["arithmetic"] == arithmetic]
            self.assertEqual(out[arithmetic + "_gops"], max(speeds, default=None))
        with open("/proc/cpuinfo", encoding="utf-8") as cpuinfo:
            flags = cpuinfo.read().split()
        names = {loop["name"] for loop in out["arithmetic"]}
        for flag, name in (("avx512_vnni", "int8_vnni512"), ("avx_vnni", "int8_avxvnni"),
                           ("avx2", "int8_avx2"), ("avx512_bf16", "bf16_512"),
                           ("avx512f", "fp32_512"), ("fma", "fp32_256"),
                           ("amx_int8", "int8_amx"), ("amx_bf16", "bf16_amx")):
            self.assertEqual(flag in flags, name in names, name)

    def test_table_has_a_line_a_limit(self):
        done = subprocess.run([LIMITS, "--quick"], capture_output=True, check=True, timeout=60)
        lines = done.stdout.decode().splitlines()
        self.assertEqual(lines[0], "2 threads")
        self.assertRegex(lines[-1], r"\Aread +\d+ MiB in order +\d+\.\d +\d+\.\d  GB/s\Z")

    def test_wrong_arguments(self):
        for arguments in (["-t", "0"], ["-t", "x"], ["--no-such-flag"]):
            done = subprocess.run([LIMITS, *arguments], capture_output=True, timeout=60)
            self.assertNotEqual(done.returncode, 0)
            self.assertEqual(done.stdout, b"")


if __name__ == "__main__":
    unittest.main(argv=sys.argv[:1])
