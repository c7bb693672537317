#!/usr/bin/env python3
"""Compares ix with peers, or with another build of ix, by turns and against the machine's limits.

    python3 bench/compare -m MODEL.gguf --peer llama.cpp=/path/to/llama-bench
    python3 bench/compare -m MODEL.gguf -p 0 -n 64 -npl 8 \\
        --peer-batched llama.cpp=/path/to/llama-batched-bench,-fa,on
    python3 bench/compare -m MODEL.gguf --ix new=build/bench/apps/ix/ix --ix old=/path/to/older/ix

Each test is run in rounds. In a round every engine runs once, in turn, beginning with another one
each time; ix_limits probes the machine before and after. A round in which a limit moved by more
than --max-drift, as far as that limit matters to the test, is dropped, counted and run again, up to
--max-rounds in all. What is left gives medians, ranges, ratios to the first engine, and shares of
the limits.
docs/performance.md says how to read them.
"""
import argparse
import json
import platform
import sys
import time
from pathlib import Path

from arguments import ROOT, add_engines, named_command, parse_engines
from engines import BatchedBench, EngineError, Ix, LimitsProbe, LlamaBench, Test
from report import table
from rounds import run_test, summary_of


def whole_numbers(text: str) -> list[int]:
    numbers = [int(word) for word in text.split(",")]
    if min(numbers) < 0:
        raise ValueError(text)
    return numbers


whole_numbers.__name__ = "list of whole numbers"  # argparse names it in its message


def parse(arguments: list[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="compare", description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    add = parser.add_argument
    add("-m", "--model", action="append", required=True, help="GGUF file; may be repeated")
    add_engines(parser)
    add("--peer-batched", action="append", default=[], type=named_command,
        metavar="NAME=PATH[,ARGUMENT...]",
        help="a llama-batched-bench, for streams and for decoding at a depth")
    add("-p", "--n-prompt", type=whole_numbers, default=[512], help="default: 512")
    add("-n", "--n-gen", type=whole_numbers, default=[128], help="default: 128")
    add("-d", "--n-depth", type=whole_numbers, default=[0], help="default: 0")
    add("-npl", "--n-parallel", type=whole_numbers, default=[1], help="streams; default: 1")
    add("-r", "--repetitions", type=int, default=1, help="of a test in a round; default: 1")
    add("--max-rounds", type=int, help="kept and dropped; default: twice the rounds")
    add("--max-drift", type=float, default=0.10, help="default: 0.10")
    add("--limits", default=str(ROOT / "build/bench/bench/limits/ix_limits"),
        help="ix_limits; default: build/bench/bench/limits/ix_limits")
    options = parse_engines(parser, arguments)
    options.max_rounds = options.max_rounds or 2 * options.rounds
    if options.max_rounds < options.rounds:
        parser.error("--rounds is from 1 to --max-rounds")
    if options.repetitions < 1:
        parser.error("-r is at least 1")
    return options


def tests_of(options: argparse.Namespace) -> list[Test]:
    tests = []
    for model in options.model:
        for depth in options.n_depth:
            tests += [Test(model, prompt, 0, depth, 1) for prompt in options.n_prompt if prompt]
            tests += [Test(model, 0, generate, depth, parallel) for generate in options.n_gen
                      if generate for parallel in options.n_parallel]
    return tests


def engines_for(test: Test, options: argparse.Namespace) -> list:
    engines = [Ix(name, command, options) for name, command in options.ix]
    batched = [BatchedBench(name, command, options) for name, command in options.peer_batched]
    if test.parallel > 1:
        return engines + batched
    # Some llama-bench cannot decode at a depth; every llama-batched-bench can.
    deep = batched if test.generate and test.depth else []
    names = {engine.name for engine in deep}
    return engines + deep + [LlamaBench(name, command, options) for name, command in options.peer
                             if name not in names]


def main(arguments: list[str]) -> int:
    options = parse(arguments)
    limits = LimitsProbe(options.limits, options.threads)
    report = {"format": 1, "time": time.strftime("%FT%TZ", time.gmtime()),
              "machine": {"system": platform.platform(), "cpu": ""},
              "settings": {"threads": options.threads, "repetitions": options.repetitions,
                           "rounds": options.rounds, "max_rounds": options.max_rounds,
                           "max_drift": options.max_drift},
              "tests": []}
    complete = True
    try:
        for test in tests_of(options):
            engines = engines_for(test, options)
            rounds = run_test(test, engines, limits, options)
            summary = summary_of(test, engines, rounds)
            report["machine"]["cpu"] = engines[0].details.get("cpu_info", "")
            report["tests"].append(summary)
            print(table(summary), flush=True)
            complete &= summary["rounds_kept"] > 0
            if options.output:  # after every test: a long run that breaks keeps what it has
                Path(options.output).write_text(json.dumps(report, indent=1) + "\n")
    except EngineError as error:
        print(f"compare: {error}", file=sys.stderr)
        return 1
    return 0 if complete else 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
