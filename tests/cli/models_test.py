"""ix with real models.

    models_test.py IX MODELS
"""
import json
import os

from command import MODELS, CommandTest, main

GEMMA = MODELS + "/gemma-3-270m-q4_k_m.gguf"
SMOLLM = MODELS + "/smollm2-135m-instruct-q4_1.gguf"


class RealModels(CommandTest):
    def test_a_known_fact(self):
        out = json.loads(self.succeeds("run", "-m", SMOLLM, "--greedy", "-n", "1", "--json", "--raw",
                                       "-p", "The capital of France is"))
        self.assertEqual(out["text"], " Paris")

    def test_a_chat_turn_ends_by_itself(self):
        out = json.loads(self.succeeds("run", "-m", SMOLLM, "-s", "1", "-n", "300", "--json", "-p",
                                       "Say hello."))
        self.assertEqual(out["finish_reason"], "stop")
        self.assertNotIn("<|im_end|>", out["text"])

    def test_text_survives_tokenizing(self):
        text = "Na\u00efve caf\u00e9, 12345 \u4f60\u597d \U0001F600\n\tend "
        for model in (GEMMA, SMOLLM):
            ids = self.succeeds("tokenize", "-m", model, stdin=text.encode())
            self.assertEqual(self.succeeds("detokenize", "-m", model, stdin=ids).decode(), text)


class Memory(CommandTest):
    def test_memory_stays_near_the_size_of_the_file(self):
        for model in (GEMMA, SMOLLM):
            out = json.loads(self.succeeds("run", "-m", model, "--greedy", "-n", "32", "--json",
                                           "--raw", "-p", "Once upon a time"))
            # The KV cache of 40 tokens is far below 20 MB.
            allowed = os.path.getsize(model) * 1.15 + 100e6 + 20e6
            self.assertLess(out["peak_rss_bytes"], allowed)


if __name__ == "__main__":
    main()
