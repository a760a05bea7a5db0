#!/usr/bin/env python3
"""Write what transformers computes from a checkpoint, for `jaxscale diagnose` and `jaxscale compare`.

    python tools/write_goldens.py CHECKPOINT OUT [--prompt TEXT ...] [--ids 1,2,3 ...] [--layers 0 1 ...]
                                  [--max_new_tokens 256] [--no_bfloat16] [--no_texts] [--only_texts]

CHECKPOINT is a folder or a hub id. OUT gets

    golden.safetensors   `{case}.{f32|bf16}.{tensor}`, float32 (expert ids int32), of one forward pass over each prompt, and `inv_freq`,
                         the inverse frequencies of the rotary embedding
    golden.json          beside it: the token ids of each case, and how far bfloat16 lies from float32, tensor by tensor
    texts.json           greedy answers to five prompts in float32: token ids, text, the least gap between the best two logits

The tensors, in order: `embed`; for each layer `input_layernorm`, `q_proj`, `k_proj`, `v_proj` (latent attention: `q_a_layernorm`,
`q_b_proj`, `kv_a_proj_with_mqa`, `kv_a_layernorm`), `query`, `key`, `value` [B,T,heads,size] after RoPE, `probs` [B,T,heads,S],
`o_proj_in`, `attn` (the output of `o_proj`), `attn_residual`, `post_attention_layernorm`, `gate`, `up`, `activation`, `mlp`, `out`, the
sandwich norms of glm4, `router_logits`, `expert_ids`, `expert_weights`, `routed`, `shared_experts` and its parts; then `norm`, `logits`.
All are [B,T,...].

Then:   jaxscale diagnose weights    --model_path CHECKPOINT --golden OUT/golden.safetensors
        jaxscale diagnose layers     --model_path CHECKPOINT --golden OUT/golden.safetensors [--layer 0]
        jaxscale diagnose generation --model_path CHECKPOINT --reference OUT/texts.json

Needs torch, transformers >= 5, safetensors. Runs on the CPU; the float32 model takes 4 bytes a parameter.
"""

import argparse
import json
import pathlib
import sys

import torch
import transformers
from safetensors.torch import save_file
from transformers import AutoModelForCausalLM, AutoTokenizer

# Of the generation quality test of JaxScale in Python.
PROMPTS = [
    "Please explain what machine learning is in simple terms.",
    "Write a short poem about the ocean.",
    "What are the main differences between Python and Java?",
    "Describe the process of photosynthesis step by step.",
    "Tell me a story about a cat who learned to fly.",
]
DEFAULT_PROMPT = "Hello, how are you?"


def load(checkpoint, dtype):
    config = transformers.AutoConfig.from_pretrained(checkpoint)
    # Experts one after the other: the order in which they are added is then defined.
    extra = {"experts_implementation": "eager"} if hasattr(config, "n_routed_experts") else {}
    model = AutoModelForCausalLM.from_pretrained(checkpoint, dtype=dtype, attn_implementation="eager", **extra)
    return model.eval()


def encode(tokenizer, prompt):
    """In the checkpoint's chat format, if it has one."""
    if tokenizer.chat_template is None:
        return tokenizer(prompt)["input_ids"]
    messages = [{"role": "user", "content": prompt}]
    return tokenizer.apply_chat_template(messages, add_generation_prompt=True, return_dict=True)["input_ids"]


class Recorder:
    """Forward hooks that keep what modules compute."""

    def __init__(self, model, layers):
        self.model, self.values, self.handles = model, {}, []
        core = model.model
        self.output(core.embed_tokens, "embed")
        for i, layer in enumerate(core.layers):
            self.output(layer, f"layers.{i}.out")
            self.output(layer.self_attn, f"layers.{i}.attn")
            self.output(layer.mlp, f"layers.{i}.mlp")
            if layers is None or i in layers:
                self.parts(layer, f"layers.{i}")
        self.output(core.norm, "norm")
        self.spy(layers)

    def keep(self, name, value):
        value = value[0] if isinstance(value, tuple) else value
        self.values[name] = value.detach().clone()

    def output(self, module, name):
        self.handles.append(module.register_forward_hook(lambda _m, _x, y: self.keep(name, y)))

    def input(self, module, name):
        self.handles.append(module.register_forward_pre_hook(lambda _m, x: self.keep(name, x[0])))

    def parts(self, layer, prefix):
        norms = ["input_layernorm", "post_self_attn_layernorm", "post_attention_layernorm", "post_mlp_layernorm"]
        projections = ["q_proj", "k_proj", "v_proj", "q_a_layernorm", "q_b_proj", "kv_a_proj_with_mqa", "kv_a_layernorm"]
        for parent, names in ((layer, norms), (layer.self_attn, projections)):
            for name in names:
                if getattr(parent, name, None) is not None:
                    self.output(getattr(parent, name), f"{prefix}.{name}")
        self.input(layer.self_attn.o_proj, f"{prefix}.o_proj_in")
        self.input(layer.post_attention_layernorm, f"{prefix}.attn_residual")
        if hasattr(layer.mlp, "experts"):
            self.routing(layer.mlp, prefix)
        else:
            self.gated(layer.mlp, prefix)

    def gated(self, mlp, prefix):
        if hasattr(mlp, "gate_up_proj"):

            def split(_m, _x, y):
                gate, up = y.chunk(2, dim=-1)  # the gate's rows come first
                self.keep(f"{prefix}.gate", gate)
                self.keep(f"{prefix}.up", up)

            self.handles.append(mlp.gate_up_proj.register_forward_hook(split))
        else:
            self.output(mlp.gate_proj, f"{prefix}.gate")
            self.output(mlp.up_proj, f"{prefix}.up")
        self.input(mlp.down_proj, f"{prefix}.activation")

    def routing(self, mlp, prefix):
        def choice(_m, _x, y):
            logits, weights, ids = y
            order = ids.argsort(-1)  # the order of the chosen experts is open
            self.keep(f"{prefix}.router_logits", logits)
            self.keep(f"{prefix}.expert_ids", ids.gather(1, order).int())
            self.keep(f"{prefix}.expert_weights", weights.gather(1, order))

        self.handles.append(mlp.gate.register_forward_hook(choice))
        self.output(mlp.experts, f"{prefix}.routed")
        if getattr(mlp, "shared_experts", None) is not None:
            self.output(mlp.shared_experts, f"{prefix}.shared_experts")
            self.gated(mlp.shared_experts, f"{prefix}.shared_experts")

    def spy(self, layers):
        """Query, key and value as the attention product gets them: after RoPE, before key and value heads are repeated."""
        self.module = sys.modules[type(self.model).__module__]
        self.plain = self.module.eager_attention_forward

        def attention(module, query, key, value, *args, **kwargs):
            y, probs = self.plain(module, query, key, value, *args, **kwargs)
            if layers is None or module.layer_idx in layers:
                named = {"query": query, "key": key, "value": value, "probs": probs}
                for name, x in named.items():
                    self.keep(f"layers.{module.layer_idx}.{name}", x.transpose(1, 2))
            return y, probs

        self.module.eager_attention_forward = attention

    def run(self, ids):
        """Everything of one row of tokens: `[1,T,...]`."""
        self.values = {}
        with torch.no_grad():
            logits = self.model(input_ids=torch.tensor([ids]), use_cache=False).logits
        self.keep("logits", logits)
        count = len(ids)
        rows = {name: x if x.shape[:2] == (1, count) else x.view(1, count, *x.shape[1:]) for name, x in self.values.items()}
        return {name: (x if x.dtype == torch.int32 else x.float()).contiguous() for name, x in rows.items()}

    def close(self):
        self.module.eager_attention_forward = self.plain
        for handle in self.handles:
            handle.remove()


def errors(exact, rounded):
    a, b = exact.double(), rounded.double()
    rms = lambda x: float(x.square().mean().sqrt())  # noqa: E731
    return {"max_abs": float((a - b).abs().max()), "rms_rel": rms(a - b) / max(rms(a), 1e-30)}


def greedy(model, ids, new_tokens, eos):
    """New ids, and the logits that each was chosen by, `[n,V]`."""
    x = torch.tensor([ids])
    with torch.no_grad():
        y = model.generate(x, attention_mask=torch.ones_like(x), do_sample=False, temperature=None, top_p=None, top_k=None,
                           max_new_tokens=new_tokens, eos_token_id=eos, return_dict_in_generate=True, output_logits=True)
    return y.sequences[0, len(ids):].tolist(), torch.cat(y.logits).float()


def margin(logits):
    best = logits.topk(2, -1)[0]
    return float((best[:, 0] - best[:, 1]).min())


def forced(model, ids, new):
    """The logits behind the prompt and each new token but the last, in one pass: `[n,V]`."""
    with torch.no_grad():
        logits = model(input_ids=torch.tensor([ids + new]), use_cache=False).logits[0].float()
    return logits[len(ids) - 1:-1]


def write_tensors(models, prompts, layers, out):
    """@param models by `f32` and `bf16`"""
    tensors, cases = {}, {}
    for number, ids in enumerate(prompts, 1):
        runs = {}
        for kind, model in models.items():
            recorder = Recorder(model, layers)
            runs[kind] = recorder.run(ids)
            recorder.close()
            tensors |= {f"prompt{number}.{kind}.{name}": x for name, x in runs[kind].items()}
        new, _ = greedy(models["f32"], ids, 16, None)
        case = {"input_ids": [ids], "attention_mask": [[1] * len(ids)], "greedy": {"f32": [new]}}
        if "bf16" in runs:
            floats = {name: x for name, x in runs["f32"].items() if x.dtype != torch.int32}
            case["bf16_vs_f32"] = {name: errors(x, runs["bf16"][name]) for name, x in floats.items()}
        cases[f"prompt{number}"] = case
    tensors["inv_freq"] = models["f32"].model.rotary_emb.inv_freq.float().cpu().contiguous()
    save_file(tensors, out / "golden.safetensors")
    write_json(out / "golden.json", {"transformers": transformers.__version__, "torch": torch.__version__, "cases": cases})
    print(f"golden.safetensors: {len(tensors)} tensors of {len(prompts)} prompts")


def write_texts(models, tokenizer, new_tokens, out):
    model, cases = models["f32"], []
    eos = model.generation_config.eos_token_id
    eos = eos if isinstance(eos, list) else [eos]
    for number, prompt in enumerate(PROMPTS, 1):
        ids = encode(tokenizer, prompt)
        new, logits = greedy(model, ids, new_tokens, eos)
        case = {"name": f"prompt {number}", "messages": [{"role": "user", "content": prompt}], "prompt_ids": ids, "output_ids": new,
                "output_text": tokenizer.decode(new, skip_special_tokens=True),
                "stop": tokenizer.decode(new[-1:]) if new[-1] in eos else None, "smallest_margin": margin(logits)}
        if "bf16" in models:
            case["bf16_logits_max_abs"] = errors(forced(model, ids, new), forced(models["bf16"], ids, new))["max_abs"]
        cases.append(case)
        print(f"prompt {number}: {len(new)} tokens, stop {case['stop']!r}, smallest margin {case['smallest_margin']:.3f}")
    write_json(out / "texts.json", {"transformers": transformers.__version__, "torch": torch.__version__, "decoding":
               f"greedy, float32, at most {new_tokens} new tokens, output_ids with the stop token", "eos_token_id": eos, "cases": cases})


def write_json(path, value):
    path.write_text(json.dumps(value, ensure_ascii=False, indent=1) + "\n", encoding="utf-8")


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("checkpoint")
    parser.add_argument("out", type=pathlib.Path)
    parser.add_argument("--prompt", action="append", default=[], help="text, in the chat format if there is one")
    parser.add_argument("--ids", action="append", default=[], help="token ids with commas between, for a checkpoint without tokenizer")
    parser.add_argument("--layers", type=int, nargs="+", help="layers whose parts are written (default: all)")
    parser.add_argument("--max_new_tokens", type=int, default=256)
    parser.add_argument("--no_bfloat16", action="store_true", help="leave out the run in bfloat16")
    parser.add_argument("--no_texts", action="store_true")
    parser.add_argument("--only_texts", action="store_true")
    args = parser.parse_args()
    args.out.mkdir(parents=True, exist_ok=True)
    needs_tokenizer = not args.no_texts or not args.ids
    tokenizer = AutoTokenizer.from_pretrained(args.checkpoint) if needs_tokenizer else None
    dtypes = {"f32": torch.float32} | ({} if args.no_bfloat16 else {"bf16": torch.bfloat16})
    models = {kind: load(args.checkpoint, dtype) for kind, dtype in dtypes.items()}
    if not args.only_texts:
        prompts = [[int(i) for i in ids.split(",")] for ids in args.ids]
        texts = args.prompt or ([] if prompts else [DEFAULT_PROMPT])
        write_tensors(models, prompts + [encode(tokenizer, text) for text in texts], args.layers, args.out)
    if not args.no_texts:
        write_texts(models, tokenizer, args.max_new_tokens, args.out)


if __name__ == "__main__":
    main()
