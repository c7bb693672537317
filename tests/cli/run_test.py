"""ix run without a terminal.

    run_test.py IX TINY_MODELS
"""
import ctypes
import json
import os
import re
import resource
import signal
import struct
import subprocess
import tempfile

from command import IX, MODELS, CommandTest, ix, main

MODEL = MODELS + "/llama-q4km.gguf"
GEMMA = MODELS + "/gemma3-q5q8.gguf"


def run_json(test, *arguments, stdin=b"", model=MODEL):
    out = test.succeeds("run", "-m", model, "--json", *arguments, stdin=stdin)
    test.assertEqual(out.count(b"\n"), 1)
    return json.loads(out)


def ids_of(test, text, *arguments):
    return json.loads(
        test.succeeds("tokenize", "-m", MODEL, "--json", *arguments, stdin=text.encode()))


class WrongInput(CommandTest):
    def test_numbers_out_of_range_name_the_flag(self):
        for flag, value in [("-n", "-5"), ("-n", "x"), ("-t", "0"), ("-t", "-1"),
                            ("-t", "1000000"), ("-c", "-1"),
                            ("--temp", "nan"), ("--temp", "-1"), ("--temp", "inf"),
                            ("--top-p", "1.5"), ("--top-k", "-3"), ("--min-p", "2"),
                            ("--typical", "-0.1"), ("--repeat-penalty", "0"),
                            ("--repeat-last-n", "-2"), ("--presence-penalty", "nan"),
                            ("--logprobs", "257"), ("-b", "0"), ("-n", "99999999999999999999")]:
            message = self.fails(2, "run", "-m", MODEL, "-p", "x", flag, value)
            self.assertTrue(message.startswith(f"{flag} is '{value}', but must be "), message)

    def test_seed_and_bias_must_be_numbers(self):
        self.assertIn("--seed", self.fails(2, "run", "-m", MODEL, "-p", "x", "-s", "one"))
        self.assertIn("--logit-bias", self.fails(2, "run", "-m", MODEL, "-p", "x", "-l", "5*2"))
        self.assertIn("320", self.fails(2, "run", "-m", MODEL, "-p", "x", "-l", "320+1"))

    def test_devices_that_there_are_not(self):
        run = ("run", "-m", MODEL, "-p", "x")
        self.assertIn("--device gpu: give cpu, xla, neuron or pjrt:PATH",
                      self.fails(2, *run, "--device", "gpu"))
        self.assertIn("give cpu", self.fails(2, *run, "--device", "pjrt:"))
        self.assertIn("/no/plugin.so", self.fails(1, *run, "--device", "pjrt:/no/plugin.so"))
        self.assertIn("--weights z: give bf16",
                      self.fails(2, *run, "--device", "xla", "--weights", "z"))
        self.assertIn("for --device cpu", self.fails(2, *run, "--device", "xla", "--precise"))

    def test_prompt_longer_than_the_context_says_both_numbers(self):
        count = len(ids_of(self, "much too long"))
        message = self.fails(2, "run", "-m", MODEL, "--raw", "-p", "much too long", "-c", "8")
        self.assertEqual(message, f"the prompt has {count} tokens, but the context holds 8")

    def test_invalid_utf8(self):
        expected = "the prompt is not UTF-8: byte 0xff at offset 2"
        self.assertEqual(self.fails(2, "run", "-m", MODEL, "-p", b"ab\xff"), expected)
        self.assertEqual(self.fails(2, "run", "-m", MODEL, stdin=b"ab\xffcd"), expected)
        with tempfile.NamedTemporaryFile() as file:
            file.write(b"ab\xff")
            file.flush()
            self.assertEqual(self.fails(2, "run", "-m", MODEL, "-f", file.name), expected)

    def test_empty_pipe(self):
        self.assertEqual(self.fails(2, "run", "-m", MODEL),
                         "the prompt is empty: standard input has no text")

    def test_prompt_file_that_cannot_be_read(self):
        self.assertIn("/nowhere", self.fails(1, "run", "-m", MODEL, "-f", "/nowhere"))
        self.assertIn("directory", self.fails(1, "run", "-m", MODEL, "-f", "/tmp"))

    def test_logprobs_without_json(self):
        self.assertEqual(self.fails(2, "run", "-m", MODEL, "-p", "x", "--logprobs", "1"),
                         "--logprobs needs --json")

    def test_unknown_instruction_set(self):
        self.assertIn("z80", self.fails(2, "run", "-m", MODEL, "-p", "x", "--isa", "z80"))

    def test_broken_chat_template(self):
        with tempfile.NamedTemporaryFile() as file:
            file.write(b"{% for %}")
            file.flush()
            message = self.fails(1, "run", "-m", MODEL, "-p", "x", "--chat-template-file", file.name)
            self.assertIn(file.name, message)

    def test_a_tensor_type_that_is_not_supported(self):
        with open(MODEL, "rb") as file:
            content = bytearray(file.read())
        # A tensor's entry: name, dimensions (u32, then u64 each), type (u32). 16 is IQ2_XXS, which
        # has smaller blocks of 256 than Q4_K: the data still fits.
        name = b"blk.0.attn_q.weight"
        at = content.index(name) + len(name) + 4 + 2 * 8
        self.assertEqual(struct.unpack_from("<I", content, at)[0], 12)
        struct.pack_into("<I", content, at, 16)
        with tempfile.NamedTemporaryFile(suffix=".gguf") as file:
            file.write(content)
            file.flush()
            message = self.fails(1, "run", "-m", file.name, "-p", "x")
            self.assertIn("IQ2_XXS", message)

    def test_more_context_than_memory_is_refused_with_figures(self):
        message = self.fails(1, "run", "-m", MODEL, "-p", "x", "-c", "1000000000")
        self.assertRegex(message, r"not enough memory.*\d")


class Output(CommandTest):
    def test_json_has_the_fields_of_the_interface(self):
        out = run_json(self, "-p", "hello", "-n", "5", "--greedy", "--raw", "--ignore-eos")
        self.assertEqual(list(out), ["text", "prompt_tokens", "tokens", "finish_reason", "timings",
                                     "peak_rss_bytes"])
        self.assertEqual(list(out["timings"]),
                         ["load_ms", "prompt_tokens_per_second", "tokens_per_second", "ttft_ms"])
        self.assertEqual(out["prompt_tokens"], len(ids_of(self, "hello")))
        self.assertEqual(len(out["tokens"]), 5)
        self.assertEqual(out["finish_reason"], "length")
        self.assertGreater(out["peak_rss_bytes"], 1 << 20)
        self.assertGreater(out["timings"]["load_ms"], 0)
        self.assertGreater(out["timings"]["ttft_ms"], 0)

    def test_logprobs_are_the_tokens_own_and_the_best(self):
        for flags in (["--greedy"], ["-s", "5", "--temp", "3", "--top-k", "0", "--top-p", "1"]):
            out = run_json(self, "-p", "hello", "-n", "6", "--logprobs", "4", "--raw", *flags)
            self.assertEqual([entry["id"] for entry in out["logprobs"]], out["tokens"])
            for entry in out["logprobs"]:
                best = [top["logprob"] for top in entry["top"]]
                self.assertEqual(len(best), 4)
                self.assertEqual(best, sorted(best, reverse=True))
                self.assertLessEqual(entry["logprob"], best[0])
                self.assertLess(best[0], 0)
                for top in entry["top"]:
                    if top["id"] == entry["id"]:
                        self.assertAlmostEqual(top["logprob"], entry["logprob"], places=5)

    def test_greedy_is_the_best_of_the_logprobs(self):
        out = run_json(self, "-p", "a", "-n", "8", "--temp", "0", "--logprobs", "1", "--raw")
        for entry in out["logprobs"]:
            self.assertEqual(entry["top"][0]["id"], entry["id"])

    def test_a_pipe_gets_the_answer_alone_and_the_summary_is_on_stderr(self):
        arguments = ["run", "-m", MODEL, "-p", "hello", "-n", "8", "--greedy", "--raw"]
        code, out, err = ix(*arguments)
        text = run_json(self, *arguments[3:])["text"]
        self.assertEqual((code, out.decode().rstrip("\n")), (0, text.rstrip("\n")))
        self.assertRegex(err.decode(), r"\Aprompt \d+ tokens, .* tokens/s; answer \d+ tokens, .*"
                                       r"first token \d+ ms; peak memory \d+ MB; seed \d+\n\Z")

    def test_no_tokens(self):
        out = run_json(self, "-p", "hello", "-n", "0")
        self.assertEqual((out["text"], out["tokens"], out["finish_reason"]), ("", [], "length"))

    def test_the_context_ends_an_answer(self):
        out = run_json(self, "-p", "hello", "--raw", "-c", "32", "--ignore-eos", "--greedy")
        self.assertEqual(out["finish_reason"], "context")
        self.assertEqual(len(out["tokens"]) + out["prompt_tokens"], 32)

    def test_a_stop_string_is_not_part_of_the_answer(self):
        arguments = ["-p", "hello", "-n", "40", "--greedy", "--raw", "--ignore-eos"]
        text = run_json(self, *arguments)["text"]
        stop = text[len(text) // 2: len(text) // 2 + 3]
        out = run_json(self, *arguments, "--stop", stop)
        self.assertEqual(out["text"], text[: text.index(stop)])
        self.assertEqual(out["finish_reason"], "stop")


class Sampling(CommandTest):
    # Hot enough that 24 tokens are never the same by chance.
    ARGUMENTS = ["-p", "hello", "-n", "24", "--raw", "--ignore-eos", "--temp", "20", "--top-k", "0",
                 "--top-p", "1", "--min-p", "0"]

    def test_the_same_seed_gives_the_same_answer(self):
        first = run_json(self, *self.ARGUMENTS, "-s", "7")["tokens"]
        self.assertEqual(run_json(self, *self.ARGUMENTS, "-s", "7")["tokens"], first)
        self.assertEqual(run_json(self, *self.ARGUMENTS, "-s", "7", "-t", "1")["tokens"], first)
        self.assertEqual(run_json(self, *self.ARGUMENTS, "-s", "7", "-b", "3")["tokens"], first)
        self.assertNotEqual(run_json(self, *self.ARGUMENTS, "-s", "8")["tokens"], first)

    def test_without_a_seed_answers_differ(self):
        answers = {tuple(run_json(self, *self.ARGUMENTS)["tokens"]) for _ in range(3)}
        self.assertGreater(len(answers), 1)

    def test_top_k_of_one_is_greedy(self):
        greedy = run_json(self, "-p", "hello", "-n", "16", "--raw", "--greedy")["tokens"]
        self.assertEqual(
            run_json(self, "-p", "hello", "-n", "16", "--raw", "--top-k", "1")["tokens"], greedy)

    def test_a_bias_forbids_a_token(self):
        arguments = ["-p", "hello", "-n", "8", "--raw", "--greedy"]
        first = run_json(self, *arguments)["tokens"][0]
        self.assertNotIn(first, run_json(self, *arguments, "-l", f"{first}-inf")["tokens"])
        chosen = 100 if first != 100 else 101
        self.assertEqual(run_json(self, *arguments, "-l", f"{chosen}+1000")["tokens"], [chosen] * 8)


class Prompts(CommandTest):
    """What the model is given, seen by the number of its tokens."""

    def count(self, text):
        return len(ids_of(self, text, "--special"))

    def given(self, *arguments, stdin=b""):
        return run_json(self, "-n", "0", *arguments, stdin=stdin)["prompt_tokens"]

    def test_raw_text_from_flag_file_and_pipe(self):
        count = self.count("some text")
        self.assertEqual(self.given("--raw", "-p", "some text"), count)
        self.assertEqual(self.given("--raw", stdin=b"some text\n"), count)  # its newline is dropped
        self.assertEqual(self.given("--raw", stdin=b"some text\n\n"), self.count("some text\n"))
        with tempfile.NamedTemporaryFile() as file:
            file.write(b"some text\n")
            file.flush()
            self.assertEqual(self.given("--raw", "-f", file.name), count)

    def test_the_flags_text_comes_before_the_pipe_only_when_asked(self):
        self.assertEqual(self.given("--raw", "-p", "one", stdin=b"two"), self.count("one"))
        self.assertEqual(self.given("--raw", "-p", "one", "-f", "-", stdin=b"two"),
                         self.count("one\ntwo"))

    def test_a_prompt_is_one_turn_of_the_files_template(self):
        self.assertEqual(self.given("-p", "hi"), self.count("user: hi\nassistant:"))
        for flag in ("-sys", "--system-prompt"):
            self.assertEqual(self.given("-p", "hi", flag, "be brief", "-st"),
                             self.count("system: be brief\nuser: hi\nassistant:"))

    def test_another_template(self):
        with tempfile.NamedTemporaryFile() as file:
            file.write(b"{{ bos_token }}Q{{ messages[0].content }}A")
            file.flush()
            # BOS is written by the template, so it is not added again.
            self.assertEqual(self.given("-p", "hi", "--chat-template-file", file.name),
                             self.count("QhiA"))

    def test_bos_in_a_raw_prompt_is_not_doubled(self):
        self.assertEqual(self.given("--raw", "-p", "<s>"), 1)

    def test_a_system_prompt_needs_a_template(self):
        self.assertIn("--raw", self.fails(2, "run", "-m", MODEL, "-p", "x", "--raw", "-sys", "y"))


class Backends(CommandTest):
    def test_the_reference_and_the_packed_backend_agree(self):
        for model in (MODEL, GEMMA):
            arguments = ["-p", "hello there", "-n", "1", "--raw", "--greedy", "--logprobs", "1"]
            fast = run_json(self, *arguments, model=model)["logprobs"][0]
            precise = run_json(self, *arguments, "--precise", model=model)["logprobs"][0]
            self.assertAlmostEqual(fast["top"][0]["logprob"], precise["top"][0]["logprob"], delta=0.5)
            self.assertEqual(
                run_json(self, *arguments, "--no-pack", "--isa", "generic", model=model)["tokens"],
                run_json(self, *arguments, "--no-pack", "-t", "1", "--isa", "generic",
                         model=model)["tokens"])


def allow_no_locking():
    """In a child before exec: nothing may be locked, not by root either."""
    resource.setrlimit(resource.RLIMIT_MEMLOCK, (0, 0))
    PR_CAPBSET_DROP, CAP_IPC_LOCK = 24, 14
    ctypes.CDLL(None).prctl(PR_CAPBSET_DROP, CAP_IPC_LOCK, 0, 0, 0)  # only root needs and may


class LockedMemory(CommandTest):
    ARGUMENTS = ["run", "-m", MODEL, "--raw", "-p", "x", "--mlock"]

    def test_weights_are_locked_while_the_model_is_open(self):
        process = subprocess.Popen([IX, *self.ARGUMENTS, "--ignore-eos", "-c", "200000"],
                                   stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                                   stdin=subprocess.DEVNULL)
        os.read(process.stdout.fileno(), 1)  # the answer has begun
        with open(f"/proc/{process.pid}/status") as status:
            locked = int(re.search(r"VmLck:\s+(\d+) kB", status.read())[1])
        process.send_signal(signal.SIGINT)
        _, err = process.communicate(timeout=60)
        self.assertNotIn(b"warning", err)
        # The linear layers are nearly all of the file: embedding and norms are not packed.
        self.assertGreater(locked * 1024, os.path.getsize(MODEL) / 4)

    def test_a_limit_that_is_too_low_is_a_warning(self):
        def run(*arguments, **options):
            return subprocess.run([IX, *self.ARGUMENTS, "-n", "4", "--greedy", *arguments],
                                  stdin=subprocess.DEVNULL, capture_output=True, timeout=120,
                                  **options)

        refused = run(preexec_fn=allow_no_locking)
        self.assertEqual(refused.returncode, 0)
        self.assertEqual(refused.stdout, run().stdout)
        warnings = [line for line in refused.stderr.decode().splitlines() if "warning" in line]
        self.assertEqual(len(warnings), 1)
        self.assertRegex(warnings[0], r"^ix: warning: cannot lock \d+ MiB in memory: .*; this process "
                                      r"may lock 0 KiB \(RLIMIT_MEMLOCK\): raise it with ")

    def test_only_repacked_weights_can_be_locked(self):
        for flag in ("--precise", "--no-pack"):
            self.assertIn(flag, self.fails(2, *self.ARGUMENTS, flag))


class Interrupt(CommandTest):
    def test_ctrl_c_ends_the_answer_with_what_there_is(self):
        process = subprocess.Popen(
            [IX, "run", "-m", MODEL, "--raw", "-p", "x", "--ignore-eos", "-c", "200000", "--precise"],
            stdout=subprocess.PIPE, stderr=subprocess.PIPE, stdin=subprocess.DEVNULL)
        os.read(process.stdout.fileno(), 1)  # the answer has begun
        process.send_signal(signal.SIGINT)
        _, err = process.communicate(timeout=60)
        self.assertEqual(process.returncode, 130)
        self.assertIn(b"peak memory", err)


if __name__ == "__main__":
    main()
