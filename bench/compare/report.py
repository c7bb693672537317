"""What compare prints."""


def percent(share: float | None) -> str:
    return "-" if share is None else f"{100 * share:.1f} %"


def limit(value: float | None, unit: str) -> str:
    return "not probed" if value is None else f"{value:.1f} {unit}"


def table(summary: dict) -> str:
    title = f"{summary['test']}, {summary['model']} ({summary['model_type']})"
    if not summary["engines"]:
        least = min(one["drift"] for one in summary["rounds"])
        return (f"{title}: none of {summary['rounds_dropped']} rounds was kept: the machine's "
                f"limits moved by {percent(least)} or more in each\n")
    limits = summary["limits"]
    lines = [f"{title}: {summary['rounds_kept']} rounds kept, {summary['rounds_dropped']} dropped; "
             f"limits int8 {limit(limits['int8_gops'], 'GOPS')}, "
             f"read {limit(limits['read_gbs'], 'GB/s')}"]
    first = summary["engines"][0]["name"]
    header = ["engine", "median t/s", "range", f"{first} / it", "GB/s", "% read", "GOPS", "% int8"]
    rows = [[engine["name"], f"{engine['median_ts']:.2f}",
             f"{engine['min_ts']:.2f} to {engine['max_ts']:.2f}", f"{engine['ratio']:.2f}",
             f"{engine['gbs']:.1f}", percent(engine["share_read"]), f"{engine['gops']:.1f}",
             percent(engine["share_int8"])] for engine in summary["engines"]]
    widths = [max(len(row[i]) for row in [header, *rows]) for i in range(len(header))]
    rule = ["-" * widths[0]] + ["-" * (width - 1) + ":" for width in widths[1:]]
    lines.append("")
    for row in [header, rule, *rows]:
        cells = [row[0].ljust(widths[0])] + [cell.rjust(width)
                                             for cell, width in zip(row[1:], widths[1:])]
        lines.append("| " + " | ".join(cells) + " |")
    return "\n".join(lines) + "\n"
