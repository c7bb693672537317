"""Arguments of every comparison: its engines, threads, rounds and output."""
import argparse
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]


def named_command(text: str) -> tuple[str, list[str]]:
    """NAME=PATH[,argument...] as a name and a command."""
    name, equals, command = text.partition("=")
    if not (name and equals and command):
        raise argparse.ArgumentTypeError(f"'{text}' is not NAME=PATH")
    return name, command.split(",")


def add_engines(parser: argparse.ArgumentParser) -> None:
    add = parser.add_argument
    add("--ix", action="append", type=named_command, metavar="NAME=PATH[,ARGUMENT...]",
        help="a build of ix; may be repeated; default: ix=build/bench/apps/ix/ix")
    add("--peer", action="append", default=[], type=named_command,
        metavar="NAME=PATH[,ARGUMENT...]", help="a llama-bench; may be repeated")
    add("-t", "--threads", type=int, default=2, help="default: 2")
    add("--rounds", type=int, default=5, help="default: 5")
    add("-o", "--output", help="write everything to this JSON file")


def parse_engines(parser: argparse.ArgumentParser, arguments: list[str]) -> argparse.Namespace:
    """What the parser makes of the arguments, checked as far as add_engines() goes."""
    options = parser.parse_args(arguments)
    options.ix = options.ix or [("ix", [str(ROOT / "build/bench/apps/ix/ix")])]
    names = [name for name, _ in options.ix + options.peer]
    if len(set(names)) < len(names):
        parser.error("two engines have the same name")
    if options.rounds < 1 or options.threads < 1:
        parser.error("--rounds and -t are at least 1")
    return options
