#!/usr/bin/env python3
"""Draws the roofline of what bench/compare measured, as SVG.

    python3 bench/roofline.py compare.json -o roofline.svg

Across: operations a byte that a test has to read (weights once a step, keys and values). Up: GOPS.
The roof is the slower of reading that many bytes at the machine's read limit and the int8 peak,
both as probed around the rounds that were kept. Both axes are logarithmic.
"""
import argparse
import json
import math
import sys
from pathlib import Path
from statistics import median
from xml.sax.saxutils import escape

WIDTH, HEIGHT = 940, 520
LEFT, RIGHT, TOP, BOTTOM = 70, 330, 50, 60
COLOURS = ["#0b62a4", "#d1495b", "#2e8b57", "#e08e0b", "#6a4c93", "#5f6b7a"]


class Axis:
    """Maps a logarithmic range onto pixels."""

    def __init__(self, values: list[float], first: float, last: float):
        self.low = 10 ** math.floor(math.log10(min(values)))
        self.high = 10 ** math.ceil(math.log10(max(values) * 1.0001))
        self.first, self.last = first, last

    def __call__(self, value: float) -> float:
        part = math.log10(value / self.low) / math.log10(self.high / self.low)
        return self.first + part * (self.last - self.first)

    def decades(self) -> list[float]:
        return [10 ** exponent for exponent in range(round(math.log10(self.low)),
                                                     round(math.log10(self.high)) + 1)]


def limits_of(tests: list[dict]) -> tuple[float, float]:
    """GOPS and GB/s: the medians over tests."""
    int8 = [test["limits"]["int8_gops"] for test in tests if test["limits"]["int8_gops"]]
    read = [test["limits"]["read_gbs"] for test in tests if test["limits"]["read_gbs"]]
    if not int8 or not read:
        raise ValueError("no limits in the file: nothing to draw a roof from")
    return median(int8), median(read)


def text(x: float, y: float, words: str, anchor: str = "start", more: str = "") -> str:
    return f'<text x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}" {more}>{escape(words)}</text>'


def axes(across: Axis, up: Axis) -> list[str]:
    def grid(x1: float, y1: float, x2: float, y2: float) -> str:
        return f'<line class="grid" x1="{x1:.1f}" y1="{y1:.1f}" x2="{x2:.1f}" y2="{y2:.1f}"/>'

    out = []
    for value in across.decades():
        x = across(value)
        out.append(grid(x, TOP, x, HEIGHT - BOTTOM))
        out.append(text(x, HEIGHT - BOTTOM + 18, f"{value:g}", "middle"))
    for value in up.decades():
        y = up(value)
        out.append(grid(LEFT, y, WIDTH - RIGHT, y))
        out.append(text(LEFT - 8, y + 4, f"{value:g}", "end"))
    middle = (TOP + HEIGHT - BOTTOM) / 2
    out.append(text((LEFT + WIDTH - RIGHT) / 2, HEIGHT - 18, "operations a byte", "middle"))
    out.append(text(18, middle, "GOPS", "middle", f'transform="rotate(-90 18 {middle})"'))
    return out


def marker(kind: int, x: float, y: float, colour: str, title: str) -> str:
    """A circle, square, triangle or diamond: one kind a test."""
    style = f'class="point" fill="{colour}"'
    hint = f"<title>{escape(title)}</title>"
    if kind % 4 == 0:
        return f'<circle {style} cx="{x:.1f}" cy="{y:.1f}" r="5">{hint}</circle>'
    corners = {1: [(-4.5, -4.5), (4.5, -4.5), (4.5, 4.5), (-4.5, 4.5)],
               2: [(0, -6), (5.5, 4.5), (-5.5, 4.5)],
               3: [(0, -6.5), (5.5, 0), (0, 6.5), (-5.5, 0)]}[kind % 4]
    points = " ".join(f"{x + dx:.1f},{y + dy:.1f}" for dx, dy in corners)
    return f'<polygon {style} points="{points}">{hint}</polygon>'


def draw(report: dict) -> str:
    tests = [test for test in report["tests"] if test["engines"]]
    if not tests:
        raise ValueError("no test in the file has a round that was kept")
    int8, read = limits_of(tests)
    ridge = int8 / read  # operations a byte from which on arithmetic binds
    intensity = [test["ops_per_token"] / test["bytes_per_token"] for test in tests]
    speeds = [engine["gops"] for test in tests for engine in test["engines"]]
    across = Axis([*intensity, ridge], LEFT, WIDTH - RIGHT)
    up = Axis([*speeds, int8, across.low * read], HEIGHT - BOTTOM, TOP)
    names = list(dict.fromkeys(engine["name"] for test in tests for engine in test["engines"]))
    colour = {name: COLOURS[i % len(COLOURS)] for i, name in enumerate(names)}

    out = [f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {HEIGHT}" '
           f'width="{WIDTH}" height="{HEIGHT}" font-family="sans-serif" font-size="12">',
           "<style>.grid{stroke:#ddd}.roof{fill:none;stroke:#222;stroke-width:2}"
           ".point{stroke:#fff;stroke-width:1}</style>",
           f'<rect width="{WIDTH}" height="{HEIGHT}" fill="#fff"/>',
           text(LEFT, 24, f"{report['machine']['cpu']}, {report['settings']['threads']} threads",
                more='font-size="15"'),
           text(LEFT, 41, f"int8 {int8:.0f} GOPS, read {read:.1f} GB/s, {report['time']}"),
           *axes(across, up)]
    roof = [(across.low, across.low * read), (ridge, int8), (across.high, int8)]
    line = " ".join(f"{across(x):.1f},{up(y):.1f}" for x, y in roof)
    out.append(f'<polyline class="roof" points="{line}"/>')
    legend = TOP + 8
    for name in names:
        out.append(f'<rect x="{WIDTH - RIGHT + 20}" y="{legend - 9}" width="10" height="10" '
                   f'fill="{colour[name]}"/>' + text(WIDTH - RIGHT + 36, legend, name))
        legend += 18
    legend += 8
    for kind, (test, x) in enumerate(zip(tests, intensity)):
        label = f"{test['test']}, {test['model']}"
        out.append(marker(kind, WIDTH - RIGHT + 25, legend - 4, "#777", label))
        out.append(text(WIDTH - RIGHT + 36, legend, label, more='font-size="10"'))
        legend += 16
        for engine in test["engines"]:
            title = f"{engine['name']}: {label}: {engine['median_ts']:.2f} tokens/s"
            out.append(marker(kind, across(x), up(engine["gops"]), colour[engine["name"]], title))
    return "\n".join([*out, "</svg>"]) + "\n"


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("report", help="JSON of bench/compare -o")
    parser.add_argument("-o", "--output", required=True, help="SVG file to write")
    options = parser.parse_args()
    try:
        picture = draw(json.loads(Path(options.report).read_text()))
    except (OSError, ValueError) as error:
        print(f"roofline: {error}", file=sys.stderr)
        return 1
    Path(options.output).write_text(picture)
    return 0


if __name__ == "__main__":
    sys.exit(main())
