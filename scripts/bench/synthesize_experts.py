#!/usr/bin/env python3
"""Write a full-size checkpoint folder of a model with experts, with random weights or as headers alone.

The folder has the published tensor inventory, shapes, dtypes and config of the model, so that plans, memory and speed can be tried at real size.

    synthesize_experts.py {gpt-oss-20b,gpt-oss-120b,qwen3-next-80b} OUTPUT [--layers N] [--sparse] [--tokenizer FOLDER] [--shard-gb 5]

--layers cuts the model to its first layers. --sparse writes headers and leaves holes where weights would be, which take no room on disk.
--tokenizer copies tokenizer.json and what belongs to it from another folder. Needs numpy only, and that only without --sparse.
"""
import argparse, json, os, shutil, struct

GPT_OSS = dict(H=2880, I=2880, nh=64, nkv=8, hd=64, V=201088)
MODELS = {
    "gpt-oss-20b": ("gpt_oss", dict(GPT_OSS, L=24, E=32)),
    "gpt-oss-120b": ("gpt_oss", dict(GPT_OSS, L=36, E=128)),
    "qwen3-next-80b": ("qwen3_next", dict(H=2048, L=48, E=512, I=512, nh=16, nkv=2, hd=256, V=151936, kh=16, vh=32)),
}


def gpt_oss(s, L):
    H, I, E, q, kv = s["H"], s["I"], s["E"], s["nh"] * s["hd"], s["nkv"] * s["hd"]
    yield "model.embed_tokens.weight", (s["V"], H), "BF16"
    for i in range(L):
        p = f"model.layers.{i}."
        yield p + "input_layernorm.weight", (H,), "BF16"
        yield p + "post_attention_layernorm.weight", (H,), "BF16"
        for n, o, c in (("q", q, H), ("k", kv, H), ("v", kv, H), ("o", H, q)):
            yield p + f"self_attn.{n}_proj.weight", (o, c), "BF16"
            yield p + f"self_attn.{n}_proj.bias", (o,), "BF16"
        yield p + "self_attn.sinks", (s["nh"],), "BF16"
        yield p + "mlp.router.weight", (E, H), "BF16"
        yield p + "mlp.router.bias", (E,), "BF16"
        m = p + "mlp.experts."
        yield m + "gate_up_proj_blocks", (E, 2 * I, H // 32, 16), "U8"
        yield m + "gate_up_proj_scales", (E, 2 * I, H // 32), "U8"
        yield m + "gate_up_proj_bias", (E, 2 * I), "BF16"
        yield m + "down_proj_blocks", (E, H, I // 32, 16), "U8"
        yield m + "down_proj_scales", (E, H, I // 32), "U8"
        yield m + "down_proj_bias", (E, H), "BF16"
    yield "model.norm.weight", (H,), "BF16"
    yield "lm_head.weight", (s["V"], H), "BF16"


def gpt_oss_config(s, L):
    return dict(
        architectures=["GptOssForCausalLM"], attention_bias=True, attention_dropout=0.0, eos_token_id=200002, experts_per_token=4,
        head_dim=s["hd"], hidden_act="silu", hidden_size=s["H"], initial_context_length=4096, initializer_range=0.02,
        intermediate_size=s["I"], layer_types=["full_attention" if i % 2 else "sliding_attention" for i in range(L)],
        max_position_embeddings=131072, model_type="gpt_oss", num_attention_heads=s["nh"], num_experts_per_tok=4,
        num_hidden_layers=L, num_key_value_heads=s["nkv"], num_local_experts=s["E"], output_router_logits=False,
        pad_token_id=199999, rms_norm_eps=1e-5, rope_theta=150000, sliding_window=128, swiglu_limit=7.0, tie_word_embeddings=False,
        quantization_config=dict(modules_to_not_convert=["model.layers.*.self_attn", "model.layers.*.mlp.router", "model.embed_tokens", "lm_head"],
            quant_method="mxfp4"),
        rope_scaling=dict(beta_fast=32.0, beta_slow=1.0, factor=32.0, original_max_position_embeddings=4096, rope_type="yarn", truncate=False),
        transformers_version="4.55.0.dev0", use_cache=True, vocab_size=s["V"])


def qwen3_next(s, L):
    H, I, E, V = s["H"], s["I"], s["E"], s["V"]
    q, kv, kd, vd = s["nh"] * s["hd"], s["nkv"] * s["hd"], s["kh"] * 128, s["vh"] * 128

    def attention(p):
        for n, o, c in (("q", 2 * q, H), ("k", kv, H), ("v", kv, H), ("o", H, q)):
            yield p + f"self_attn.{n}_proj.weight", (o, c), "BF16"
        for n in "qk":
            yield p + f"self_attn.{n}_norm.weight", (s["hd"],), "BF16"

    def rest(p):
        yield p + "input_layernorm.weight", (H,), "BF16"
        yield p + "post_attention_layernorm.weight", (H,), "BF16"
        yield p + "mlp.gate.weight", (E, H), "BF16"
        yield p + "mlp.shared_expert_gate.weight", (1, H), "BF16"
        experts = [f"experts.{e}." for e in range(E)] + ["shared_expert."]
        for e in experts:
            for n, o, c in (("gate", I, H), ("up", I, H), ("down", H, I)):
                yield p + f"mlp.{e}{n}_proj.weight", (o, c), "BF16"

    yield "model.embed_tokens.weight", (V, H), "BF16"
    for i in range(L):
        p = f"model.layers.{i}."
        yield from rest(p)
        if (i + 1) % 4 == 0:
            yield from attention(p)
            continue
        a = p + "linear_attn."
        yield a + "in_proj_qkvz.weight", (2 * kd + 2 * vd, H), "BF16"
        yield a + "in_proj_ba.weight", (2 * s["vh"], H), "BF16"
        yield a + "conv1d.weight", (2 * kd + vd, 1, 4), "BF16"
        yield a + "A_log", (s["vh"],), "BF16"
        yield a + "dt_bias", (s["vh"],), "BF16"
        yield a + "norm.weight", (128,), "BF16"
        yield a + "out_proj.weight", (H, vd), "BF16"
    yield "model.norm.weight", (H,), "BF16"
    yield "lm_head.weight", (V, H), "BF16"
    yield "mtp.fc.weight", (H, 2 * H), "BF16"
    for n in ("norm", "pre_fc_norm_embedding", "pre_fc_norm_hidden"):
        yield f"mtp.{n}.weight", (H,), "BF16"
    yield from rest("mtp.layers.0.")
    yield from attention("mtp.layers.0.")


def qwen3_next_config(s, L):
    return dict(
        architectures=["Qwen3NextForCausalLM"], attention_bias=False, attention_dropout=0.0, bos_token_id=151643, decoder_sparse_step=1,
        eos_token_id=151645, full_attention_interval=4, head_dim=s["hd"], hidden_act="silu", hidden_size=s["H"], initializer_range=0.02,
        intermediate_size=5120, linear_conv_kernel_dim=4, linear_key_head_dim=128, linear_num_key_heads=s["kh"],
        linear_num_value_heads=s["vh"], linear_value_head_dim=128, max_position_embeddings=262144, mlp_only_layers=[],
        model_type="qwen3_next", moe_intermediate_size=s["I"], norm_topk_prob=True, num_attention_heads=s["nh"], num_experts=s["E"],
        num_experts_per_tok=10, num_hidden_layers=L, num_key_value_heads=s["nkv"], output_router_logits=False, partial_rotary_factor=0.25,
        rms_norm_eps=1e-6, rope_scaling=None, rope_theta=10000000, router_aux_loss_coef=0.001, shared_expert_intermediate_size=s["I"],
        tie_word_embeddings=False, torch_dtype="bfloat16", transformers_version="4.57.0.dev0", use_cache=True, vocab_size=s["V"])


def shards(tensors, limit):
    """Tensors in files of at most so many bytes."""
    current, size = [], 0
    for name, shape, dtype in tensors:
        count = {"BF16": 2, "U8": 1}[dtype]
        for extent in shape:
            count *= extent
        if current and size + count > limit:
            yield current
            current, size = [], 0
        current.append((name, shape, dtype, size, size + count))
        size += count
    yield current


def main():
    ap = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    ap.add_argument("model", choices=MODELS); ap.add_argument("output"); ap.add_argument("--layers", type=int)
    ap.add_argument("--sparse", action="store_true"); ap.add_argument("--tokenizer"); ap.add_argument("--shard-gb", type=float, default=5)
    a = ap.parse_args()
    family, sizes = MODELS[a.model]
    layers = a.layers or sizes["L"]
    os.makedirs(a.output, exist_ok=True)
    if not a.sparse:
        import numpy as np
        rng = np.random.default_rng(0)
        pool = rng.standard_normal(1 << 24).astype(np.float32) * 0.02
        pool[::4099] *= 12  # heavy entries, spread unevenly over rows
        floats = (pool.view(np.uint32) >> 16).astype(np.uint16).tobytes()
        codes = rng.integers(0, 256, 1 << 24, dtype=np.uint8).tobytes()
        scales = rng.integers(118, 124, 1 << 24, dtype=np.uint8).tobytes()

    def data(name, count, seed):
        source = floats if not name.endswith(("_blocks", "_scales")) else scales if name.endswith("_scales") else codes
        start = seed * 7919 * 64 % (len(source) // 2)
        while count:
            part = source[start:start + count]
            yield part
            count, start = count - len(part), 0

    files = list(shards(globals()[family](sizes, layers), int(a.shard_gb * 1e9)))
    places = {}
    for number, tensors in enumerate(files):
        name = f"model-{number + 1:05}-of-{len(files):05}.safetensors"
        header = json.dumps({n: dict(dtype=d, shape=list(s), data_offsets=[b, e]) for n, s, d, b, e in tensors}).encode()
        header += b" " * (-len(header) % 8)
        with open(os.path.join(a.output, name), "wb") as f:
            f.write(struct.pack("<Q", len(header)) + header)
            for index, (n, _, _, begin, end) in enumerate(tensors):
                places[n] = name
                if not a.sparse:
                    for part in data(n, end - begin, index):
                        f.write(part)
            f.truncate(8 + len(header) + tensors[-1][4])
    total = sum(tensors[-1][4] for tensors in files)
    json.dump(dict(metadata=dict(total_size=total), weight_map=places), open(os.path.join(a.output, "model.safetensors.index.json"), "w"))
    json.dump(globals()[family + "_config"](sizes, layers), open(os.path.join(a.output, "config.json"), "w"), indent=1)
    if a.tokenizer:
        for n in ("tokenizer.json", "tokenizer_config.json", "special_tokens_map.json", "generation_config.json"):
            if os.path.exists(os.path.join(a.tokenizer, n)):
                shutil.copy(os.path.join(a.tokenizer, n), a.output)
    print(f"{len(places)} tensors, {total / 1e9:.1f} GB in {len(files)} files")


if __name__ == "__main__":
    main()
