#!/usr/bin/env python3
"""Compares how long ix and peers take to load a model, by turns.

    python3 bench/compare/load_times.py -m MODEL.gguf --peer llama.cpp=/path/to/llama-bench

The file is read once, so that it is in the page cache. In each round every engine runs once, in
turn, beginning with another one each time: the time is that of its whole process, which loads the
model, decodes two tokens (one of them to warm up) and ends. ix tells apart what of it is loading.
"""
import argparse
import json
import sys
import time
from pathlib import Path
from statistics import median

from arguments import add_engines, parse_engines
from engines import EngineError, Ix, LlamaBench, Test
from rounds import by_turns


def parse(arguments: list[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="load_times", description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("-m", "--model", required=True, help="GGUF file")
    add_engines(parser)
    options = parse_engines(parser, arguments)
    options.repetitions = 1
    return options


def read_once(path: str) -> None:
    with open(path, "rb") as file:
        while file.read(1 << 24):
            pass


def main(arguments: list[str]) -> int:
    options = parse(arguments)
    engines = [Ix(name, command, options) for name, command in options.ix]
    engines += [LlamaBench(name, command, options) for name, command in options.peer]
    test = Test(options.model, prompt=0, generate=1, depth=0, parallel=1)
    rounds: list[dict[str, float]] = []
    loading: list[float] = []
    try:
        read_once(options.model)
        for number in range(options.rounds):
            seconds = {}
            for engine in by_turns(engines, number):
                start = time.monotonic()
                engine.run(test)
                seconds[engine.name] = time.monotonic() - start
            rounds.append(seconds)
            loading.append(engines[0].details["load_ms"] / 1e3)
    except (EngineError, OSError) as error:
        print(f"load_times: {error}", file=sys.stderr)
        return 1
    first = median([one[engines[0].name] for one in rounds])
    print(f"{Path(options.model).name}: seconds from start to end of a process, "
          f"{options.rounds} rounds; {engines[0].name} loads in {median(loading):.2f} s of them\n")
    print(f"| engine | median | range | {engines[0].name} / it |\n| --- | ---: | ---: | ---: |")
    for engine in engines:
        times = [one[engine.name] for one in rounds]
        print(f"| {engine.name} | {median(times):.2f} | {min(times):.2f} to {max(times):.2f} | "
              f"{first / median(times):.2f} |")
    if options.output:
        report = {"format": 1, "model": Path(options.model).name, "threads": options.threads,
                  "loading": loading, "rounds": rounds}
        Path(options.output).write_text(json.dumps(report, indent=1) + "\n")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
