#!/usr/bin/env python3
"""Records in special_tokens.json how llama.cpp's llama-tokenize parses special tokens.

usage: record_special_tokens.py PATH_OF_LLAMA_TOKENIZE VERSION_OF_LLAMA_CPP

Every text is tokenised three ways for every vocabulary of .cache: with special tokens parsed and
BOS added where the file asks for it, parsed without BOS, and neither.
"""
import json
import pathlib
import re
import subprocess
import sys
import tempfile

HERE = pathlib.Path(__file__).resolve().parent
CACHE = HERE.parent.parent / ".cache"

VOCABULARIES = {
    "gemma-3-270m-q4_k_m": CACHE / "models/gemma-3-270m-q4_k_m.gguf",
    "smollm2-135m-instruct-q4_1": CACHE / "models/smollm2-135m-instruct-q4_1.gguf",
    **{
        name: CACHE / f"vocab/ggml-vocab-{name}.gguf"
        for name in ("llama-bpe", "phi-3", "qwen2", "deepseek-llm")
    },
}

TEXTS = [
    "Hello world",
    " Hello",
    "<s>Hello</s>",
    "<s> Hello </s> \n\t world",
    "<bos><start_of_turn>user\nWhat is 2+2?<end_of_turn>\n<start_of_turn>model\n",
    "<|im_start|>system\nYou are helpful.<|im_end|>\n<|im_start|>user\nHi<|im_end|>\n<|im_start|>assistant\n",
    "<|begin_of_text|><|start_header_id|>user<|end_header_id|>\n\nHi<|eot_id|>"
    "<|start_header_id|>assistant<|end_header_id|>\n\n",
    "<|system|>\nBe brief.<|end|>\n<|user|>\n  Hi <|end|>\n<|assistant|>\n",
    "<｜begin▁of▁sentence｜>User: Hi\n\nAssistant: Hello<｜end▁of▁sentence｜>User: again",
    "<|endoftext|>after<|endoftext|>",
    "<|endoftext|> \n after  <unk>  x",
    "line\n\n\nbreaks\n\n\n\n\n\n\n\n\n\n\n\n\n\n\n\n\n\n\n\n\n\n\n\n\n\n\n\n\n\n\n\n\nend",
    "<table><tr><td>1</td></tr></table><h1>Title</h1><strong>bold</strong><br>",
    "tabs\t\t\tand\t\tmore\t",
    "spaces                                  many  ▁▁▁▁ marks",
    "<unused0><unused99><start_of_image>[multimodal]<mask>",
    "<|reserved_special_token_0|><|reserved_special_token_250|><|python_tag|><|eom_id|>",
    "<|im_start><im_end|> <|im_end| <|endoftext <<|endoftext|>>",
    "<|im_end|><|im_end|><|eot_id|><|end|><end_of_turn><eos>",
    "<|placeholder1|> <|placeholder2|><|step|><|function_output|> tail",
    "<repo_name>ix<file_sep>a.c<reponame><gh_stars>1<issue_start>",
    "<0x0A><0xFF>",
    "   <|im_end|>   ",
    "\n<end_of_turn>\n\n",
    "Ünïcödé<|end|>😀<end_of_turn>北京<|eot_id|>мир",
    "a<pad>b<unk>c<s>d",
]

MODES = {
    "parsed_with_bos": [],
    "parsed": ["--no-bos"],
    "plain": ["--no-bos", "--no-parse-special"],
}


def tokenize(program, model, text, flags):
    with tempfile.NamedTemporaryFile("wb", suffix=".txt") as prompt:
        prompt.write(text.encode())
        prompt.flush()
        command = [program, "-m", str(model), "-f", prompt.name, "--no-escape", "--ids", *flags]
        done = subprocess.run(command, capture_output=True, check=True, text=True)
    return json.loads(done.stdout.strip().splitlines()[-1])


def main():
    if len(sys.argv) != 3:
        sys.exit(__doc__)
    vocabularies = {}
    for name, path in VOCABULARIES.items():
        vocabularies[name] = [
            {"text": text, **{m: tokenize(sys.argv[1], path, text, f) for m, f in MODES.items()}}
            for text in TEXTS
        ]
        print(name, file=sys.stderr)
    recorded = {"recorded_with": f"llama-tokenize of llama.cpp {sys.argv[2]}", "vocabularies": vocabularies}
    text = json.dumps(recorded, ensure_ascii=True, indent=1)
    # The ids of a text in one line.
    text = re.sub(r"\[[\s\d,]+\]", lambda ids: " ".join(ids[0].split()), text)
    (HERE / "special_tokens.json").write_text(text + "\n")


if __name__ == "__main__":
    main()
