#!/usr/bin/env python3
"""No test leaves the result of rc::check() unread: it returns false and does not fail by itself.

    check_properties.py
"""
import re
import sys
from pathlib import Path

TESTS = Path(__file__).resolve().parents[1]
UNREAD = re.compile(r"^[ \t]*rc::check\(", re.MULTILINE)


def main() -> None:
    found = [f"{path.relative_to(TESTS)}:{text.count(chr(10), 0, match.start()) + 1}"
             for path in sorted(TESTS.rglob("*.cc"))
             for text in [path.read_text()]
             for match in UNREAD.finditer(text)]
    if found:
        sys.exit("write EXPECT_TRUE(rc::check(...)):\n" + "\n".join(found))


if __name__ == "__main__":
    main()
