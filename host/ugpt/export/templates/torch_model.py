"""A GPT that was trained on an ESP32, for PyTorch, which is all that it needs.

    python FILE [COUNT [SEED [TEMPERATURE]]]

The weights are in the safetensors file of the same name beside it. From a program:

    model = GPT.load("FILE.safetensors")
    logits = model(torch.tensor([[model.bos, *model.encode("an")]]))    # [batch, position, token]

The logits are those of the board to within 1e-5. Texts are drawn with PyTorch's random numbers, so
they are others than the board's; with temperature 0 they are the same.
"""

import json
import math
import os
import sys
from pathlib import Path

import torch
from torch import nn


def parameter(rows, columns):
    return nn.Parameter(torch.zeros(rows, columns))


def rmsnorm(x):
    return x * (x.square().mean(-1, keepdim=True) + 1e-5).rsqrt()


class Layer(nn.Module):
    """A transformer block without biases: attention, then a relu network, each added to x."""

    def __init__(self, n_embd, n_head):
        super().__init__()
        self.n_head = n_head
        self.attn_wq = parameter(n_embd, n_embd)
        self.attn_wk = parameter(n_embd, n_embd)
        self.attn_wv = parameter(n_embd, n_embd)
        self.attn_wo = parameter(n_embd, n_embd)
        self.mlp_fc1 = parameter(4 * n_embd, n_embd)
        self.mlp_fc2 = parameter(n_embd, 4 * n_embd)

    def forward(self, x):
        x = x + self.attention(rmsnorm(x)) @ self.attn_wo.T
        return x + torch.relu(rmsnorm(x) @ self.mlp_fc1.T) @ self.mlp_fc2.T

    def attention(self, x):
        batch, positions, width = x.shape
        heads = (batch, positions, self.n_head, width // self.n_head)
        q, k, v = (
            (x @ weights.T).view(heads).transpose(1, 2)
            for weights in (self.attn_wq, self.attn_wk, self.attn_wv)
        )
        scores = q @ k.transpose(-2, -1) / math.sqrt(heads[-1])
        ahead = torch.ones(positions, positions, dtype=torch.bool, device=x.device).triu(1)
        mixed = scores.masked_fill(ahead, -math.inf).softmax(-1) @ v
        return mixed.transpose(1, 2).reshape(x.shape)


class GPT(nn.Module):
    """microgpt: learned positions, rmsnorm without weights, nothing between the last block and
    the head. `state_dict` has the names of the safetensors file."""

    def __init__(self, shape, characters):
        super().__init__()
        self.characters = characters
        self.bos = len(characters)  # begins and ends every text
        self.block_size = shape["block_size"]
        width = shape["n_embd"]
        self.wte = parameter(shape["vocab_size"], width)
        self.wpe = parameter(self.block_size, width)
        self.lm_head = parameter(shape["vocab_size"], width)
        self.layers = [Layer(width, shape["n_head"]) for _ in range(shape["n_layer"])]
        for number, layer in enumerate(self.layers):
            self.add_module(f"layer{number}", layer)

    def forward(self, tokens):
        """Logits [batch, position, token] of what follows each of the tokens [batch, position]."""
        x = rmsnorm(self.wte[tokens] + self.wpe[: tokens.shape[1]])
        for layer in self.layers:
            x = layer(x)
        return x @ self.lm_head.T

    @classmethod
    def load(cls, path):
        """The model in a safetensors file of ugpt."""
        content = bytearray(Path(path).read_bytes())
        start = 8 + int.from_bytes(content[:8], "little")
        header = json.loads(content[8:start])
        metadata = header.pop("__metadata__")
        model = cls(json.loads(metadata["shape"]), metadata["vocabulary"])
        model.load_state_dict(
            {
                name: torch.frombuffer(
                    content,
                    dtype=torch.float32,
                    count=math.prod(each["shape"]),
                    offset=start + each["data_offsets"][0],
                ).reshape(each["shape"])
                for name, each in header.items()
            }
        )
        return model

    def encode(self, text):
        return [self.characters.index(character) for character in text]

    @torch.no_grad()
    def sample(self, temperature, generator=None):
        """One text; of temperature 0 the likeliest character each time."""
        tokens = [self.bos]
        while len(tokens) <= self.block_size:
            logits = self(torch.tensor([tokens]))[0, -1]
            if temperature == 0:
                token = int(logits.argmax())
            else:
                shares = (logits / temperature).softmax(-1)
                token = int(torch.multinomial(shares, 1, generator=generator))
            if token == self.bos:
                break
            tokens.append(token)
        return "".join(self.characters[token] for token in tokens[1:])


def number_from(text, kind, most):
    """A number of the command line."""
    try:
        if 0 <= (value := kind(text)) <= most:
            return value
    except ValueError:
        pass
    sys.exit(f"{text} is not a number from 0 to {most}")


def main(count="20", seed="42", temperature="0.5"):
    sys.stdout.reconfigure(encoding="utf-8")
    seed, temperature = number_from(seed, int, 2**64 - 1), number_from(temperature, float, 100)
    model = GPT.load(Path(__file__).with_suffix(".safetensors"))
    generator = torch.Generator().manual_seed(seed)
    for _ in range(number_from(count, int, 2**64 - 1)):
        print(model.sample(temperature, generator))


if __name__ == "__main__":
    if len(sys.argv) > 4:
        sys.exit(f"usage: {sys.argv[0]} [COUNT [SEED [TEMPERATURE]]]")
    try:
        main(*sys.argv[1:])
        sys.stdout.flush()
    except BrokenPipeError:  # as of `| head`; nothing more can be written
        os._exit(141)
