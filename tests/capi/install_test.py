"""Installs to a temporary prefix and builds a C11 program outside the tree against it, once found by
find_package(InferenceX) and once by pkg-config; both must compute the right product.

usage: install_test.py BUILD_DIR CMAKE C_COMPILER
"""

import os
import subprocess
import sys
import tempfile
from pathlib import Path

CONSUMER = Path(__file__).parent / "consumer"
EXPECTED = "1536 2560"


def run(*command, **kwargs):
    result = subprocess.run(
        [str(word) for word in command], capture_output=True, text=True, **kwargs
    )
    if result.returncode != 0:
        sys.exit(f"{' '.join(map(str, command))} failed:\n{result.stdout}{result.stderr}")
    return result.stdout.strip()


def check(name, program, prefix):
    env = {**os.environ, "IX_QUIET": "1"}
    if name == "pkg-config":  # CMake writes the path into what it builds
        env["LD_LIBRARY_PATH"] = str(next(prefix.rglob("libinferencex.so")).parent)
    output = run(program, env=env)
    if output != EXPECTED:
        sys.exit(f"{name}: the program says {output!r}, expected {EXPECTED!r}")
    print(f"{name}: {output}")


def main():
    build, cmake, compiler = sys.argv[1:]
    with tempfile.TemporaryDirectory() as directory:
        # Not the prefix of the configuration: the package must not hold it.
        prefix = Path(directory) / "prefix"
        run(cmake, "--install", build, "--component", "inferencex", "--prefix", prefix)

        by_cmake = Path(directory) / "cmake"
        run(cmake, "-S", CONSUMER, "-B", by_cmake, f"-DCMAKE_PREFIX_PATH={prefix}",
            f"-DCMAKE_C_COMPILER={compiler}")
        run(cmake, "--build", by_cmake)
        check("find_package", by_cmake / "consumer", prefix)

        pc = next(prefix.rglob("inferencex.pc"))
        flags = run("pkg-config", "--cflags", "--libs", "inferencex",
                    env={**os.environ, "PKG_CONFIG_PATH": str(pc.parent)}).split()
        program = Path(directory) / "consumer"
        run(compiler, "-std=c11", "-Wall", "-Wextra", "-Wpedantic", "-Werror",
            CONSUMER / "main.c", "-o", program, *flags)
        check("pkg-config", program, prefix)


if __name__ == "__main__":
    main()
