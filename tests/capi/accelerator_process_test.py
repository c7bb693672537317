"""Whole processes on devices beside the CPU: what they announce, that programs are compiled once, that
nothing is left on a device when they end, and that the library can be unloaded and loaded again where
it uses no device.

usage: accelerator_process_test.py ACCELERATOR UNLOAD LIBRARY LIBNRT NEURONX_CC PLUGIN
"""

import os
import subprocess
import sys
import tempfile
from pathlib import Path

BACKEND = "[Inference-X] Backend: AWS_INFERENTIA | Author: Salka Elmadani"


def run(command, **variables):
    env = {k: v for k, v in os.environ.items() if not k.startswith(("IX_", "FAKE_", "NEURON_"))}
    result = subprocess.run(command, capture_output=True, text=True, env={**env, **variables},
                            timeout=100)
    if result.returncode != 0:
        sys.exit(f"{command}: exit {result.returncode}\n{result.stdout}{result.stderr}")
    return result


def check_announced(result, beginning):
    lines = [l for l in result.stderr.splitlines() if l.startswith("[Inference-X]")]
    name = result.stdout.strip()
    if not name.startswith(beginning):
        sys.exit(f"the device is called {name!r}, expected {beginning!r}…")
    if lines != [BACKEND, f"[Inference-X] Device: {name}"]:
        sys.exit(f"announced: {lines}")


def check_log(path, runs):
    """The fake libnrt says at its end what was left on the cores."""
    lines = path.read_text().splitlines()
    wrong = [l for l in lines if l.startswith(("COMPLAINT", "ERROR"))]
    if wrong or lines.count("nrt_close") != runs:
        sys.exit(f"{lines.count('nrt_close')} of {runs} ends; " + "\n".join(wrong or lines))


# A core's thread never comes back: the library that it would come back to has to stay.
LOSE_A_THREAD = """
import ctypes, _ctypes, sys
library = ctypes.CDLL(sys.argv[1])
gemm = library.gemm_q4_K_inferentia
gemm.argtypes = [ctypes.c_void_p] * 3 + [ctypes.c_int64] * 3 + [ctypes.c_void_p] * 2
a, b, c = (ctypes.create_string_buffer(size) for size in (144, 512, 4))
if gemm(a, b, c, 1, 1, 256, None, None) != 9:
    sys.exit("the product should have failed with IX_UNAVAILABLE")
_ctypes.dlclose(library._handle)
sys.exit("libinferencex" not in open("/proc/self/maps").read())
"""


def main():
    accelerator, unload, library, libnrt, neuronx_cc, plugin = sys.argv[1:]
    needed = subprocess.run(["ldd", library], capture_output=True, text=True, check=True).stdout
    protobuf = next(l.split()[2] for l in needed.splitlines() if "libprotobuf" in l)
    with tempfile.TemporaryDirectory() as directory:
        directory = Path(directory)
        log, calls = directory / "log", directory / "calls"
        neuron = {
            "IX_LIBNRT": libnrt,
            "IX_NEURONX_CC": neuronx_cc,
            "IX_NEURON_CACHE": str(directory / "cache"),
            "FAKE_NRT_PLUGIN": plugin,
            "FAKE_NRT_CORES": "4",
            "FAKE_NRT_DIR": str(directory / "device"),
            "FAKE_NRT_LOG": str(log),
            "FAKE_NEURONX_CC_LOG": str(calls),
        }
        for runs, (how, device) in enumerate(
                [("tidy", "neuron"), ("leave", "neuron"), ("leave", "auto")], 1):
            result = run([accelerator, how], IX_DEVICE=device, **neuron)
            check_announced(result, "Neuron (neuron, 4 cores, libnrt 2.")
            check_log(log, runs)
            compiled = [l for l in calls.read_text().splitlines() if l.startswith("compile")]
            # Plain and pipelined products, batched ones, blocks: three shapes.
            if len(compiled) != 3:
                sys.exit(f"after {runs} runs: {compiled}")
        for how in ("tidy", "leave"):
            result = run([accelerator, how], IX_DEVICE=f"pjrt:{plugin}", IX_PJRT_DEVICES="2")
            check_announced(result, "PJRT (xla cpu, 2 devices, ")
        # The program keeps protobuf: the library registers nothing with it that it would miss.
        run([unload, library, protobuf], IX_DEVICE="cpu")
        run([unload, library, "stays"], IX_DEVICE=f"pjrt:{plugin}")
        log.unlink()
        run([unload, library, "stays"], IX_DEVICE="neuron", **neuron)
        check_log(log, 1)
        script = directory / "script"
        script.write_text("nrt_execute@0 1 hang\n")
        run([sys.executable, "-c", LOSE_A_THREAD, library], IX_DEVICE="neuron",
            FAKE_NRT_SCRIPT=str(script), NEURON_RT_EXEC_TIMEOUT="1", **neuron)
    print("announced, compiled once, left nothing behind")


if __name__ == "__main__":
    main()
