"""The programs that compare runs: what they are called with, and what they answer."""
import argparse
import json
import subprocess
from dataclasses import dataclass


class EngineError(Exception):
    pass


@dataclass(frozen=True)
class Test:
    model: str
    prompt: int  # tokens of a prompt, or 0
    generate: int  # tokens decoded in each stream, or 0
    depth: int  # tokens in the KV cache of each stream before
    parallel: int  # streams

    @property
    def name(self) -> str:
        name = f"pp{self.prompt}" if self.prompt else f"tg{self.generate}"
        name += f" x{self.parallel}" if self.parallel > 1 else ""
        return name + (f" @ d{self.depth}" if self.depth else "")

    @property
    def tokens(self) -> int:
        return self.prompt + self.generate * self.parallel

    @property
    def depth_run(self) -> int:
        """The depth that every engine gets: llama-batched-bench needs a prompt of a token."""
        return max(self.depth, 1) if self.parallel > 1 else self.depth


def output_of(command: list[str], with_errors: bool = False) -> str:
    """Standard output, with standard error after it where asked for."""
    try:
        done = subprocess.run(command, capture_output=True, text=True, errors="replace")
    except OSError as error:
        raise EngineError(f"{command[0]}: {error.strerror}") from error
    if done.returncode != 0:
        last = (done.stderr.strip().splitlines() or ["no message"])[-1]
        raise EngineError(f"{' '.join(command)}: exit code {done.returncode}: {last}")
    return done.stdout + "\n" + done.stderr if with_errors else done.stdout


def parsed(command: list[str], text: str):
    try:
        return json.loads(text)
    except json.JSONDecodeError as error:
        raise EngineError(f"{' '.join(command)}: no JSON: {error}") from error


class LimitsProbe:
    def __init__(self, path: str, threads: int):
        self.command = [path, "-t", str(threads), "--json"]

    def run(self) -> dict:
        return parsed(self.command, output_of(self.command))


class Engine:
    def __init__(self, name: str, command: list[str], options: argparse.Namespace):
        self.name = name
        self.path, *self.arguments = command
        self.threads = str(options.threads)
        self.repetitions = str(options.repetitions)
        self.details: dict = {}  # of the last answer

    def run(self, test: Test) -> float:
        """Tokens a second over all streams."""
        raise NotImplementedError


class Ix(Engine):
    kind = "ix"

    def run(self, test: Test) -> float:
        command = [self.path, "bench", "-m", test.model, "-p", str(test.prompt), "-n",
                   str(test.generate), "-d", str(test.depth_run), "-npl", str(test.parallel), "-t",
                   self.threads, "-r", self.repetitions, "-o", "json", "--no-limits",
                   *self.arguments]
        self.details, = parsed(command, output_of(command))
        return self.details["avg_ts"]


class LlamaBench(Engine):
    kind = "llama-bench"

    def run(self, test: Test) -> float:
        # Older ones do not know -d.
        depth = ["-d", str(test.depth)] if test.depth else []
        command = [self.path, "-m", test.model, "-p", str(test.prompt), "-n", str(test.generate),
                   *depth, "-t", self.threads, "-r", self.repetitions, "-o", "json",
                   *self.arguments]
        self.details, = parsed(command, output_of(command))
        return self.details["avg_ts"]


class BatchedBench(Engine):
    kind = "llama-batched-bench"

    def run(self, test: Test) -> float:
        context = (test.depth_run + test.generate) * test.parallel
        command = [self.path, "-m", test.model, "-c", str(context), "-npp", str(test.depth_run),
                   "-ntg", str(test.generate), "-npl", str(test.parallel), "-t", self.threads,
                   "--output-format", "jsonl", *self.arguments]
        speeds = [self.speed_in(command, output_of(command, with_errors=True))
                  for _ in range(int(self.repetitions))]
        return sum(speeds) / len(speeds)

    def speed_in(self, command: list[str], text: str) -> float:
        """S_TG of the one result: a line of JSON, or of the table that older ones print."""
        speeds = []
        for line in text.splitlines():
            cells = [cell.strip() for cell in line.strip("|").split("|")]
            if line.startswith("{"):
                self.details = parsed(command, line)
                speeds.append(self.details["speed_tg"])
            elif line.startswith("|") and len(cells) == 10 and cells[0].isdecimal():
                speeds.append(float(cells[7]))
        if len(speeds) != 1:
            raise EngineError(f"{' '.join(command)}: {len(speeds)} results, not one")
        return speeds[0]
