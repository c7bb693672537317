#!/usr/bin/env python3
"""A fake ix, ix_limits, llama-bench or llama-batched-bench, by the name it is called with.

Each call takes the next line of NAME.answers and appends its arguments to NAME.calls, both beside
the name it is called with. A line that begins with "!" is a failure with that message.
"""
import sys
from pathlib import Path

me = Path(sys.argv[0])
answers = me.with_name(me.name + ".answers")
calls = me.with_name(me.name + ".calls")
lines = answers.read_text().splitlines()
answers.write_text("\n".join(lines[1:]))
with open(calls, "a", encoding="utf-8") as log:
    log.write(" ".join(sys.argv[1:]) + "\n")
if lines[0].startswith("!"):
    sys.exit(lines[0][1:])
print(lines[0])
