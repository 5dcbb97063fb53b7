#!/usr/bin/env python3
"""What the MTP block of the tiny Qwen3.5 answers, by its definition written out in torch; the text model by transformers, all in float32.

usage: mtp.py fixtures/tiny-qwen3.5 fixtures/golden/tiny-qwen3.5/activations.safetensors OUTPUT.safetensors

The block reads, at each place, the hidden state behind the last norm of the text model and the embedding of the token that follows. Answers are for
the last four places of a prompt whose next token is the greedy one, and for a second step that reads the block's own output.
"""
import sys
import torch
import torch.nn.functional as F
from safetensors import safe_open
from safetensors.torch import save_file


class Block(torch.nn.Module):
    """fc of two normed vectors, a gated attention layer, a norm; weights under the published names."""

    def __init__(self, config, weights):
        super().__init__()
        self.c = config
        self.w = torch.nn.ParameterDict({n.removeprefix("mtp.").replace(".", "/"): torch.nn.Parameter(t.float().clone())
                                         for n, t in weights.items() if n.startswith("mtp.")})

    def weight(self, name):
        return self.w[(name + ".weight").replace(".", "/")]

    def norm(self, x, name):
        return x * torch.rsqrt(x.pow(2).mean(-1, keepdim=True) + self.c.rms_norm_eps) * (1 + self.weight(name))

    def turned(self, x, positions):
        """Rotates pairs (i, i + n/2) of the first n values of each head of [T, heads, d]."""
        rope = self.c.rope_parameters
        n = int(self.c.head_dim * rope["partial_rotary_factor"])
        angle = positions[:, None].float() * rope["rope_theta"] ** (-torch.arange(0, n, 2) / n)
        cos, sin = angle.cos()[:, None], angle.sin()[:, None]
        a, b = x[..., :n // 2], x[..., n // 2:n]
        return torch.cat([a * cos - b * sin, b * cos + a * sin, x[..., n:]], -1)

    def forward(self, hidden, embedded, positions):
        """[T, hidden] twice to [T, hidden]; place t sees places up to t."""
        c = self.c
        T, d, heads, kv = hidden.shape[0], c.head_dim, c.num_attention_heads, c.num_key_value_heads
        x = torch.cat([self.norm(embedded, "pre_fc_norm_embedding"), self.norm(hidden, "pre_fc_norm_hidden")], -1)
        x = F.linear(x, self.weight("fc"))
        u = self.norm(x, "layers.0.input_layernorm")
        q, gate = F.linear(u, self.weight("layers.0.self_attn.q_proj")).view(T, heads, 2 * d).split(d, -1)
        k = F.linear(u, self.weight("layers.0.self_attn.k_proj")).view(T, kv, d)
        v = F.linear(u, self.weight("layers.0.self_attn.v_proj")).view(T, kv, d)
        q = self.turned(self.norm(q, "layers.0.self_attn.q_norm"), positions)
        k = self.turned(self.norm(k, "layers.0.self_attn.k_norm"), positions)
        k, v = (t.repeat_interleave(heads // kv, 1) for t in (k, v))
        scores = torch.einsum("thd,shd->hts", q, k) * d ** -0.5
        scores = scores.masked_fill(torch.ones(T, T, dtype=torch.bool).triu(1), -torch.inf).softmax(-1)
        mixed = torch.einsum("hts,shd->thd", scores, v) * gate.sigmoid()
        x = x + F.linear(mixed.reshape(T, -1), self.weight("layers.0.self_attn.o_proj"))
        u = self.norm(x, "layers.0.post_attention_layernorm")
        inner = F.silu(F.linear(u, self.weight("layers.0.mlp.gate_proj"))) * F.linear(u, self.weight("layers.0.mlp.up_proj"))
        return self.norm(x + F.linear(inner, self.weight("layers.0.mlp.down_proj")), "norm")


def load(folder):
    """The text model of transformers, and the block."""
    from transformers import AutoModelForImageTextToText
    model = AutoModelForImageTextToText.from_pretrained(folder, dtype=torch.float32, attn_implementation="eager").eval()
    with safe_open(f"{folder}/model.safetensors", "pt") as file:
        weights = {name: file.get_tensor(name) for name in file.keys() if name.startswith("mtp.")}
    return model, Block(model.config.text_config, weights)


@torch.no_grad()
def main(folder, activations, output):
    model, block = load(folder)
    text, head = model.model.language_model, model.lm_head
    with safe_open(activations, "pt") as file:
        ids = file.get_tensor("prose.input_ids").long().flatten()
        generated = file.get_tensor("prose.generated").long().flatten()
    hidden = text(input_ids=ids[None]).last_hidden_state[0]
    assert head(hidden[-1]).argmax() == generated[0]
    line = torch.cat([ids, generated[:1]])
    places = torch.arange(len(ids) + 1)
    embedded = text.embed_tokens(line[1:])
    first = block(hidden, embedded, places[:-1])
    guess = head(first[-1]).argmax()
    # The second step reads what the block itself gave, and the token that it guessed.
    second = block(torch.cat([hidden, first[-1:]]), torch.cat([embedded, text.embed_tokens(guess[None])]), places)
    save_file({"hidden": first[-4:].contiguous(), "logits": head(first[-1:])[:, :1024].contiguous(), "token": guess.int()[None],
               "second": second[-1:].contiguous()}, output)


if __name__ == "__main__":
    main(*sys.argv[1:])
