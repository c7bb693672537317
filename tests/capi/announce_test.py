"""The two lines on stderr: once a process, at the first call of inferentia.h, never with IX_QUIET=1,
and IX_DEVICE's errors.

usage: announce_test.py CONSUMER
"""

import os
import re
import subprocess
import sys

BACKEND = "[Inference-X] Backend: AWS_INFERENTIA | Author: Salka Elmadani"
CPU = r"\[Inference-X\] Device: CPU \(([a-z0-9_]+), \d+ threads?\)"


def run(consumer, *arguments, **variables):
    env = {k: v for k, v in os.environ.items() if not k.startswith("IX_")}
    env["IX_LIBNRT"] = "/nowhere/libnrt.so.1"  # auto takes the CPU on every machine
    return subprocess.run(
        [consumer, *arguments], capture_output=True, text=True, env={**env, **variables}
    )


def main():
    consumer = sys.argv[1]
    failures = []

    def expect(name, condition, result):
        if not condition:
            failures.append(f"{name}: exit {result.returncode}, stderr {result.stderr!r}")

    for name, variables in {
        "by default": {},
        "IX_QUIET=0": {"IX_QUIET": "0"},
        "IX_DEVICE=auto": {"IX_DEVICE": "auto"},
        "IX_DEVICE=cpu": {"IX_DEVICE": "cpu"},
        "IX_CPU_ISA=generic": {"IX_CPU_ISA": "generic"},
    }.items():
        result = run(consumer, **variables)  # two calls of the header
        lines = result.stderr.splitlines()
        expect(name, result.returncode == 0 and len(lines) == 2 and lines[0] == BACKEND, result)
        expect(name, len(lines) == 2 and re.match(CPU, lines[1]), result)
        if os.path.exists("/dev/neuron0"):
            expect(name, "; Neuron does not serve: cannot load libnrt" in lines[1], result)
        else:
            expect(name, re.fullmatch(CPU, lines[1]), result)
    expect("IX_CPU_ISA", "CPU (generic," in run(consumer, IX_CPU_ISA="generic").stderr, result)

    quiet = run(consumer, IX_QUIET="1")
    expect("IX_QUIET=1", quiet.returncode == 0 and quiet.stderr == "", quiet)
    other_header = run(consumer, "ix")
    expect("ix.h alone", other_header.returncode == 0 and other_header.stderr == "", other_header)

    for device, message in {
        "neuron": "cannot load libnrt: /nowhere/libnrt.so.1",
        "pjrt:/nowhere/plugin.so": "No such file or directory",
        "tpu": "is not a device; use auto, cpu, pjrt:PATH or neuron",
    }.items():
        result = run(consumer, IX_DEVICE=device)
        lines = result.stderr.splitlines()
        expect(device, result.returncode == 1, result)
        expect(device, lines[:1] == [BACKEND] and "Device: none" in lines[1], result)
        # The void function's own line.
        expect(device, any(l.startswith("[Inference-X] gemm_q4_K_aws_inferentia: IX_DEVICE=" + device)
                           and message in l for l in lines[2:]), result)
        silent = run(consumer, "ix", IX_DEVICE=device)
        expect(device, silent.returncode == 1 and message in silent.stderr, silent)
    bad_isa = run(consumer, "ix", IX_CPU_ISA="sse9")
    expect("IX_CPU_ISA=sse9", bad_isa.returncode == 1 and "sse9" in bad_isa.stderr, bad_isa)

    if failures:
        sys.exit("\n".join(failures))
    print("announced once, where it should be")


if __name__ == "__main__":
    main()
