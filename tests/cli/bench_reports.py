"""What the reports of ix bench and of ix bench gemm have in common."""
import csv
import io
import json

from command import CommandTest


class ReportTest(CommandTest):
    def table(self, *arguments):
        """Cells of a table's lines: names, a rule, then a line a result."""
        out = self.succeeds(*arguments).decode()
        return [[cell.strip() for cell in line.strip("|").split("|")] for line in out.splitlines()
                if line.startswith("|")]

    def csv_and_json(self, *arguments):
        """Results in both forms, whose fields are the same but for arrays."""
        rows = list(csv.DictReader(io.StringIO(self.succeeds(*arguments, "-o", "csv").decode())))
        results = json.loads(self.succeeds(*arguments, "-o", "json"))
        for row, result in zip(rows, results, strict=True):
            self.assertEqual(list(row), [k for k, v in result.items() if not isinstance(v, list)])
        return rows, results

    def expect_shares(self, result, arithmetic):
        """Of the limits of the arithmetic, "int8" or "fp32", and of reading."""
        limit = result[f"limit_{arithmetic}_gops"]
        if limit is not None:  # the CPU has an instruction that is probed
            self.assertAlmostEqual(result[f"share_{arithmetic}"] * limit, result["avg_gops"])
        self.assertAlmostEqual(result["share_read"] * result["limit_read_gbs"], result["avg_gbs"])

    def expect_no_shares(self, result, arithmetic):
        for name in (f"limit_{arithmetic}_gops", "limit_read_gbs", "limit_drift",
                     f"share_{arithmetic}", "share_read"):
            self.assertIsNone(result[name])
