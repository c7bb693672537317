#!/usr/bin/env python3
"""Checks that includes go in the direction that docs/design/overview.md draws.

Every folder of src/ may include itself and the folders listed here; the list is transitive only
where it says so, so that a new edge is a decision and not an accident.
"""
import re
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
MAY_USE = {
    "base": [],
    "limits": ["base"],
    "quant": ["base"],
    "gguf": ["base", "quant"],
    "synth": ["base", "quant", "gguf"],
    "tokenizer": ["base", "gguf"],
    "chat": ["base", "gguf"],
    "graph": ["base"],
    "model": ["base", "quant", "graph", "gguf"],
    "backend": ["base", "quant", "graph"],
    "engine": ["base", "graph", "backend", "tokenizer"],
    "planner": ["base", "graph", "model"],
}
BACKENDS = {"reference": [], "cpu": [], "xla": [], "neuron": ["xla"]}  # of each other
EVERYTHING = [*MAY_USE, "capi"]
INCLUDE = re.compile(r'^\s*#\s*include\s+"([^"]+)"')
# The public headers: C only, each other and what C11 has.
PUBLIC = ROOT / "include"
ANY_INCLUDE = re.compile(r'^\s*#\s*include\s+[<"]([^>"]+)[>"]')
C_HEADERS = {"stddef.h", "stdint.h"}


def folder_of(path: str) -> str:
    return path.split("/")[0]


def source_of(included: str) -> str:
    """The file that a header is, or is generated from."""
    return re.sub(r"_tsv\.h$", ".tsv", re.sub(r"\.pb\.h$", ".proto", included))


def violations_of(file: Path) -> list[str]:
    parts = file.relative_to(ROOT / "src").parts
    folder = parts[0]
    allowed = EVERYTHING if folder == "capi" else [folder, *MAY_USE.get(folder, [])]
    found = []
    for number, line in enumerate(file.read_text().splitlines(), 1):
        match = INCLUDE.match(line)
        if not match:
            continue
        included = match[1]
        where = f"{file.relative_to(ROOT)}:{number}"
        if folder == "capi" and included.startswith("ix/"):
            if not (PUBLIC / included).exists():
                found.append(f"{where}: \"{included}\" is not a path below include/")
        elif not (ROOT / "src" / source_of(included)).exists():
            found.append(f"{where}: \"{included}\" is not a path below src/")
        elif folder_of(included) not in allowed:
            found.append(f"{where}: {folder} may not use {folder_of(included)}")
        elif folder == "backend" and len(parts) > 2 and included.startswith("backend/"):
            other = included.split("/")[1]
            if other in BACKENDS and other != parts[1] and other not in BACKENDS.get(parts[1], []):
                found.append(f"{where}: backend/{parts[1]} may not use backend/{other}")
    return found


def violations_of_public(file: Path) -> list[str]:
    found = []
    for number, line in enumerate(file.read_text().splitlines(), 1):
        match = ANY_INCLUDE.match(line)
        if match and match[1] not in C_HEADERS and not (PUBLIC / match[1]).exists():
            found.append(f"{file.relative_to(ROOT)}:{number}: a public header may not use {match[1]}")
    return found


def self_test() -> None:
    """The check itself must be able to fail."""
    assert "gguf" not in MAY_USE["graph"] and "engine" not in MAY_USE["backend"]
    assert INCLUDE.match('#include "gguf/gguf_file.h"')[1] == "gguf/gguf_file.h"
    assert ANY_INCLUDE.match("#include <string>")[1] not in C_HEADERS


def main() -> None:
    self_test()
    files = sorted((ROOT / "src").rglob("*.h")) + sorted((ROOT / "src").rglob("*.cc"))
    if not files:
        sys.exit("no sources found")
    public = sorted(PUBLIC.rglob("*.h"))
    if not public:
        sys.exit("no public headers found")
    known = {*MAY_USE, "capi"}
    found = [f"src/{p.name}: not in the table of folders" for p in (ROOT / "src").iterdir()
             if p.is_dir() and p.name not in known]
    for file in files:
        found += violations_of(file)
    for file in public:
        found += violations_of_public(file)
    if found:
        sys.exit("\n".join(found))
    print(f"{len(files) + len(public)} files include in the right direction")


if __name__ == "__main__":
    main()
