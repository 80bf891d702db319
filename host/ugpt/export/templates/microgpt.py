"""A GPT that was trained on an ESP32, in the style of Karpathy's microgpt.py, without dependencies.

    python FILE [COUNT [SEED [TEMPERATURE]]]

It prints what the board writes: `ugpt sample` with the same seed and temperature gives the same
texts. For that it computes in 32-bit floats as the board does (docs/numerics.md of ugpt), with its
`exp` and its order of sums; and its random numbers are the board's stream, in which each number is
a function of the seed, the number of the text and the number of the token. They are not those of
Python's `random`, which microgpt.py draws from.
"""

import os
import struct
import sys
from math import copysign, inf, nextafter

from model import block_size, n_embd, n_head, n_layer, seed, uchars

BOS = len(uchars)
head_dim = n_embd // n_head


# The board's arithmetic. A float here always has a value that 32 bits hold.

FLOAT32, FLOAT64, INT32, INT64 = (struct.Struct(f"<{kind}") for kind in "fdIQ")


def f32(x):
    """Rounds to 32 bits. A sum or product of two such numbers is then as if rounded only once."""
    return FLOAT32.unpack(FLOAT32.pack(x))[0]


def bits_of(x):
    return INT32.unpack(FLOAT32.pack(x))[0]


def float_of(bits):
    return FLOAT32.unpack(INT32.pack(bits & 0xFFFFFFFF))[0]


def fma(a, b, c):
    """a b + c, rounded once.

    The product is exact in 64 bits. The sum is rounded to odd there: of the two numbers around it,
    the one whose last bit is 1, so that it is never taken for the middle of two of 32 bits.
    """
    product = a * b
    total = product + c
    rest = total - product
    error = (product - (total - rest)) + (c - rest)
    if error and not INT64.unpack(FLOAT64.pack(total))[0] & 1:
        total = nextafter(total, copysign(inf, error))
    return f32(total)


def reciprocal(x):
    y = float_of(0x7EF311C7 - bits_of(x))
    for _ in range(3):
        y = fma(y, fma(-x, y, 1.0), y)
    return y


def inverse_root(x):
    y = float_of(0x5F3759DF - (bits_of(x) >> 1))
    for _ in range(3):
        y = fma(y, fma(-f32(f32(0.5 * x) * y), y, 0.5), y)
    return y


LOG2_E, LN2_HIGH, LN2_LOW = map(float.fromhex, ("0x1.715476p+0", "0x1.62e400p-1", "0x1.7f7d1cp-20"))
EXP = [
    float.fromhex(coefficient)
    for coefficient in (
        "0x1.0fa678p-7", "0x1.573ca4p-5", "0x1.555a78p-3", "0x1.fffdc0p-2", "0x1.fffff6p-1",
    )
]  # fmt: skip


def exp(x):
    """e^x for x <= 88 is 2^k e^r, with k the integer nearest to x / ln 2 and r = x - k ln 2."""
    if x < -86.0:
        return 0.0
    shift = 12583039.0
    shifted = fma(x, LOG2_E, shift)
    k = f32(shifted - shift)
    power_of_two = float_of(bits_of(shifted) << 23)
    r = fma(-k, LN2_LOW, fma(-k, LN2_HIGH, x))
    p = EXP[0]
    for coefficient in EXP[1:]:
        p = fma(p, r, coefficient)
    return fma(p, f32(r * power_of_two), power_of_two)


# The board's random numbers.


def mix(z):
    """The finaliser of SplitMix64."""
    z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9 % 2**64
    z = (z ^ (z >> 27)) * 0x94D049BB133111EB % 2**64
    return z ^ (z >> 31)


def uniform(seed, number, n):
    """What token n of a text is drawn with, in [0, 1)."""
    golden = 0x9E3779B97F4A7C15
    stream = mix((seed + (number + 1) * golden) % 2**64)
    return (mix((stream + (n + 1) * golden) % 2**64) >> 40) * 2.0**-24


# The model.


def dot(row, x, total=0.0):
    for a, b in zip(row, x, strict=True):
        total = fma(a, b, total)
    return total


def linear(x, w):
    return [dot(row, x) for row in w]


def add_linear(y, x, w):
    """y + W x. Each sum begins with its element of y."""
    return [dot(row, x, total) for row, total in zip(w, y, strict=True)]


def softmax(logits, scale):
    highest = max(logits)
    powers = [exp(f32(f32(logit - highest) * scale)) for logit in logits]
    total = 0.0
    for power in powers:
        total = f32(total + power)
    normaliser = reciprocal(total)
    return [f32(power * normaliser) for power in powers]


def rmsnorm(x):
    scale = inverse_root(fma(dot(x, x), reciprocal(float(n_embd)), f32(1e-5)))
    return [f32(xi * scale) for xi in x]


def gpt(token_id, pos_id, keys, values):
    """The logits of what follows; keys and values of the position are appended."""
    tok_emb = state_dict["wte"][token_id]
    pos_emb = state_dict["wpe"][pos_id]
    x = rmsnorm([f32(t + p) for t, p in zip(tok_emb, pos_emb, strict=True)])
    for li in range(n_layer):
        y = rmsnorm(x)
        q = linear(y, state_dict[f"layer{li}.attn_wq"])
        keys[li].append(linear(y, state_dict[f"layer{li}.attn_wk"]))
        values[li].append(linear(y, state_dict[f"layer{li}.attn_wv"]))
        x_attn = []
        for hs in range(0, n_embd, head_dim):
            q_h = q[hs : hs + head_dim]
            scores = [dot(q_h, k[hs : hs + head_dim]) for k in keys[li]]
            weights = softmax(scores, inverse_root(float(head_dim)))
            x_attn += [dot([v[j] for v in values[li]], weights) for j in range(hs, hs + head_dim)]
        x = add_linear(x, x_attn, state_dict[f"layer{li}.attn_wo"])
        hidden = linear(rmsnorm(x), state_dict[f"layer{li}.mlp_fc1"])
        x = add_linear(x, [max(0.0, xi) for xi in hidden], state_dict[f"layer{li}.mlp_fc2"])
    return linear(x, state_dict["lm_head"])


def choose(logits, temperature, drawn):
    """The first token whose running sum of probabilities is larger than `drawn`."""
    highest = max(logits)
    if temperature < 2.0**-10:
        return logits.index(highest)
    inverse_temperature = reciprocal(temperature)
    sums = [0.0]
    for logit in logits:
        power = exp(f32(f32(logit - highest) * inverse_temperature))
        sums.append(f32(sums[-1] + power))
    bound = f32(drawn * sums[-1])
    return next((token for token, total in enumerate(sums[1:]) if total > bound), BOS)


def sample(number, seed, temperature):
    """Text `number` of a seed."""
    keys, values = [[] for _ in range(n_layer)], [[] for _ in range(n_layer)]
    token_id = BOS
    text = []
    for pos_id in range(block_size):
        logits = gpt(token_id, pos_id, keys, values)
        token_id = choose(logits, temperature, uniform(seed, number, pos_id))
        if token_id == BOS:
            break
        text.append(uchars[token_id])
    return "".join(text)


def number_from(text, kind, most):
    """A number of the command line."""
    try:
        if 0 <= (value := kind(text)) <= most:
            return value
    except ValueError:
        pass
    sys.exit(f"{text} is not a number from 0 to {most}")


def main(count="20", seed=seed, temperature="0.5"):
    sys.stdout.reconfigure(encoding="utf-8")
    seed, temperature = number_from(seed, int, 2**64 - 1), f32(number_from(temperature, float, 100))
    for text in range(number_from(count, int, 2**64 - 1)):
        print(sample(text, seed, temperature))


from weights import state_dict  # noqa: E402

if __name__ == "__main__":
    if len(sys.argv) > 4:
        sys.exit(f"usage: {sys.argv[0]} [COUNT [SEED [TEMPERATURE]]]")
    try:
        main(*sys.argv[1:])
        sys.stdout.flush()
    except BrokenPipeError:  # as of `| head`; nothing more can be written
        os._exit(141)
