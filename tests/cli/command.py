"""Runs ix for the tests of the command line."""
import subprocess
import sys
import unittest

IX, MODELS = sys.argv[1:3]


def ix(*arguments, stdin=b"", timeout=120, before=()):
    """Exit code, standard output and standard error, as bytes; standard input is a pipe. before: a
    command that runs ix."""
    done = subprocess.run([*before, IX, *arguments], input=stdin, capture_output=True,
                          timeout=timeout)
    return done.returncode, done.stdout, done.stderr


class CommandTest(unittest.TestCase):
    def succeeds(self, *arguments, stdin=b""):
        code, out, err = ix(*arguments, stdin=stdin)
        self.assertEqual(code, 0, err)
        return out

    def fails(self, code, *arguments, stdin=b""):
        """The message of a failure: one line "ix: message", the given exit code, no output."""
        got, out, err = ix(*arguments, stdin=stdin)
        self.assertEqual(got, code, (arguments, out, err))
        self.assertEqual(out, b"")
        text = err.decode()
        self.assertTrue(text.startswith("ix: ") and text.endswith("\n"), text)
        self.assertEqual(text.count("\n"), 1, text)
        return text[4:-1]


def main():
    unittest.main(argv=[sys.argv[0], *sys.argv[3:]], module="__main__")
