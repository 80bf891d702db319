// A GPT that was trained on an ESP32, as one file without dependencies. It prints what the board
// writes, bit for bit: `ugpt sample` with the same seed and temperature gives the same texts.
//
//     cc -O2 -o gpt FILE.c
//     ./gpt [COUNT [SEED [TEMPERATURE]]]
//
// It is the forward pass of the plain reference of ugpt (device/src/engine/reference), for one
// position at a time. Its arithmetic is that of docs/numerics.md: 32-bit floats, and sums of fused
// multiply-adds in a fixed order. Only in `fma_rounded_once` is a product added to anything, and
// there the product is exact, so it makes no difference whether a compiler fuses the two.
#include <errno.h>
#include <float.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#if FLT_EVAL_METHOD == 1 || FLT_EVAL_METHOD == 2
#error "Floats must be computed as floats; on 32-bit x86 add -msse2 -mfpmath=sse."
#endif
#ifdef __FAST_MATH__
#error "-ffast-math changes the texts; leave it out."
#endif

#include "model.h"

// Rows of weights are multiplied by columns of features: y = W x.
typedef struct {
    float attn_wq[N_EMBD][N_EMBD];
    float attn_wk[N_EMBD][N_EMBD];
    float attn_wv[N_EMBD][N_EMBD];
    float attn_wo[N_EMBD][N_EMBD];
    float mlp_fc1[4 * N_EMBD][N_EMBD];
    float mlp_fc2[N_EMBD][4 * N_EMBD];
} Layer;
typedef struct {
    float wte[VOCAB_SIZE][N_EMBD];  // token embeddings
    float wpe[BLOCK_SIZE][N_EMBD];  // position embeddings
    float lm_head[VOCAB_SIZE][N_EMBD];
    Layer layers[N_LAYER];
} Parameters;

static const Parameters* trained(void);  // the numbers stand at the end of this file

enum { HEAD_DIM = N_EMBD / N_HEAD, BOS = VOCAB_SIZE - 1 };

// Arithmetic.

static uint32_t bits_of(float x) {
    uint32_t bits;
    memcpy(&bits, &x, sizeof bits);
    return bits;
}

static float float_of(uint32_t bits) {
    float x;
    memcpy(&x, &bits, sizeof x);
    return x;
}

// a * b + c, rounded once. In double precision the product is exact. The sum is rounded to odd: of
// the two doubles around it, the one whose last bit is 1. So no sum that lies beside the middle of
// two floats is taken for the middle, and the rounding to float is that of the exact sum.
static float fma_rounded_once(float a, float b, float c) {
    const double product = (double)a * (double)b;
    const double sum = product + (double)c;
    const double rest = sum - product;
    const double error = (product - (sum - rest)) + ((double)c - rest);  // exact (Knuth)
    double odd = sum;
    if (error < 0 || error > 0) {
        uint64_t bits;
        memcpy(&bits, &sum, sizeof bits);
        if ((bits & 1) == 0) bits += (error > 0) == (sum > 0) ? 1 : UINT64_MAX;
        memcpy(&odd, &bits, sizeof odd);
    }
    return (float)odd;
}

// 1 / x: a guess from the bits, then three Newton steps.
static float reciprocal(float x) {
    float y = float_of(0x7ef311c7u - bits_of(x));
    for (int i = 0; i < 3; ++i) {
        y = fma_rounded_once(y, fma_rounded_once(-x, y, 1.0f), y);
    }
    return y;
}

// 1 / sqrt(x), likewise.
static float inverse_root(float x) {
    float y = float_of(0x5f3759dfu - (bits_of(x) >> 1));
    for (int i = 0; i < 3; ++i) {
        y = fma_rounded_once(y, fma_rounded_once(-(0.5f * x * y), y, 0.5f), y);
    }
    return y;
}

// e^x for x <= 88 is 2^k e^r, with k the integer nearest to x / ln 2 and r = x - k ln 2.
static float exponential(float x) {
    if (x < -86.0f) return 0.0f;
    // 1.5 * 2^23 + 127: the sum has no bits below 1, and its low ones are the exponent of 2^k.
    const float shift = 12583039.0f;
    const float shifted = fma_rounded_once(x, 0x1.715476p+0f, shift);
    const float k = shifted - shift;
    const float power_of_two = float_of(bits_of(shifted) << 23);
    const float high = fma_rounded_once(-k, 0x1.62e400p-1f, x);
    const float r = fma_rounded_once(-k, 0x1.7f7d1cp-20f, high);
    float p = 0x1.0fa678p-7f;
    p = fma_rounded_once(p, r, 0x1.573ca4p-5f);
    p = fma_rounded_once(p, r, 0x1.555a78p-3f);
    p = fma_rounded_once(p, r, 0x1.fffdc0p-2f);
    p = fma_rounded_once(p, r, 0x1.fffff6p-1f);
    return fma_rounded_once(p, r * power_of_two, power_of_two);
}

// 64 random bits as a function of three numbers: two rounds of the finaliser of SplitMix64.
static uint64_t mix(uint64_t z) {
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
    z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
    return z ^ (z >> 31);
}

static uint64_t random_bits(uint64_t seed, uint64_t stream, uint64_t counter) {
    const uint64_t golden = 0x9e3779b97f4a7c15u;
    return mix(mix(seed + (stream + 1) * golden) + (counter + 1) * golden);
}

// A multiple of 2^-24 in [0, 1).
static float random_uniform(uint64_t seed, uint64_t stream, uint64_t counter) {
    return (float)(int32_t)(random_bits(seed, stream, counter) >> 40) * 0x1p-24f;
}

// The model.

// y = W x, or y + W x. Every element is one chain of fused multiply-adds over ascending columns.
static void linear(const float* w, const float* x, float* y, int rows, int cols, int add) {
    for (int row = 0; row < rows; ++row) {
        float sum = add ? y[row] : 0.0f;
        for (int col = 0; col < cols; ++col) {
            sum = fma_rounded_once(w[row * cols + col], x[col], sum);
        }
        y[row] = sum;
    }
}

// y = x (mean(x^2) + 1e-5)^-1/2. y may be x.
static void rmsnorm(const float* x, float* y) {
    float squares = 0.0f;
    for (int i = 0; i < N_EMBD; ++i) {
        squares = fma_rounded_once(x[i], x[i], squares);
    }
    const float mean = fma_rounded_once(squares, reciprocal((float)N_EMBD), 1e-5f);
    const float scale = inverse_root(mean);
    for (int i = 0; i < N_EMBD; ++i) {
        y[i] = x[i] * scale;
    }
}

// Scores become probabilities: the softmax of score * scale.
static void softmax(float* scores, int count, float scale) {
    float maximum = scores[0];
    for (int j = 1; j < count; ++j) {
        if (scores[j] > maximum) maximum = scores[j];
    }
    float sum = 0.0f;
    for (int j = 0; j < count; ++j) {
        scores[j] = exponential((scores[j] - maximum) * scale);
        sum = sum + scores[j];
    }
    const float normaliser = reciprocal(sum);
    for (int j = 0; j < count; ++j) {
        scores[j] = scores[j] * normaliser;
    }
}

// The values of positions 0..t, mixed by how well the query of position t fits their keys.
static void attention(const float* query, float keys[][N_EMBD], float values[][N_EMBD], int t,
                      float* mixed) {
    float probs[BLOCK_SIZE];
    for (int head = 0; head < N_HEAD; ++head) {
        const int first = head * HEAD_DIM;
        for (int j = 0; j <= t; ++j) {
            float score = 0.0f;
            for (int d = first; d < first + HEAD_DIM; ++d) {
                score = fma_rounded_once(query[d], keys[j][d], score);
            }
            probs[j] = score;
        }
        softmax(probs, t + 1, inverse_root((float)HEAD_DIM));
        for (int d = first; d < first + HEAD_DIM; ++d) {
            float sum = 0.0f;
            for (int j = 0; j <= t; ++j) {
                sum = fma_rounded_once(values[j][d], probs[j], sum);
            }
            mixed[d] = sum;
        }
    }
}

// Keys and values of the positions so far.
static float all_keys[N_LAYER][BLOCK_SIZE][N_EMBD], all_values[N_LAYER][BLOCK_SIZE][N_EMBD];

// The logits of what follows `token` at position t, behind those of the positions before.
static void forward(int token, int t, float logits[VOCAB_SIZE]) {
    const Parameters* const p = trained();
    float x[N_EMBD], normed[N_EMBD], query[N_EMBD], mixed[N_EMBD], hidden[4 * N_EMBD];
    for (int i = 0; i < N_EMBD; ++i) {
        x[i] = p->wte[token][i] + p->wpe[t][i];
    }
    rmsnorm(x, x);
    for (int l = 0; l < N_LAYER; ++l) {
        const Layer* const w = &p->layers[l];
        rmsnorm(x, normed);
        linear(&w->attn_wq[0][0], normed, query, N_EMBD, N_EMBD, 0);
        linear(&w->attn_wk[0][0], normed, all_keys[l][t], N_EMBD, N_EMBD, 0);
        linear(&w->attn_wv[0][0], normed, all_values[l][t], N_EMBD, N_EMBD, 0);
        attention(query, all_keys[l], all_values[l], t, mixed);
        linear(&w->attn_wo[0][0], mixed, x, N_EMBD, N_EMBD, 1);

        rmsnorm(x, normed);
        linear(&w->mlp_fc1[0][0], normed, hidden, 4 * N_EMBD, N_EMBD, 0);
        for (int i = 0; i < 4 * N_EMBD; ++i) {
            if (hidden[i] < 0.0f) hidden[i] = 0.0f;
        }
        linear(&w->mlp_fc2[0][0], hidden, x, N_EMBD, 4 * N_EMBD, 1);
    }
    linear(&p->lm_head[0][0], x, logits, VOCAB_SIZE, N_EMBD, 0);
}

// The drawing of a text.

// The first token whose running sum of probabilities is larger than `uniform`; of a temperature
// near 0 the likeliest one.
static int choose(const float logits[VOCAB_SIZE], float temperature, float uniform) {
    int best = 0;
    for (int v = 1; v < VOCAB_SIZE; ++v) {
        if (logits[v] > logits[best]) best = v;
    }
    if (temperature < 0x1p-10f) return best;
    const float inverse_temperature = reciprocal(temperature);
    static float running_sums[VOCAB_SIZE];
    float sum = 0.0f;
    for (int v = 0; v < VOCAB_SIZE; ++v) {
        sum = sum + exponential((logits[v] - logits[best]) * inverse_temperature);
        running_sums[v] = sum;
    }
    int chosen = 0;
    while (chosen < VOCAB_SIZE - 1 && !(running_sums[chosen] > uniform * sum)) {
        ++chosen;
    }
    return chosen;
}

// A character as UTF-8.
static void print_character(uint32_t c) {
    if (c < 0x80) {
        putchar((int)c);
        return;
    }
    const int tail = c < 0x800 ? 1 : c < 0x10000 ? 2 : 3;  // bytes of six bits behind the first
    const uint32_t marks[] = {0, 0xc0, 0xe0, 0xf0};
    putchar((int)(marks[tail] | c >> 6 * tail));
    for (int i = tail - 1; i >= 0; --i) {
        putchar((int)(0x80 | (c >> 6 * i & 0x3f)));
    }
}

// Prints text `number` of a seed.
static void draw_text(uint64_t seed, uint64_t number, float temperature) {
    static float logits[VOCAB_SIZE];
    int token = BOS;
    for (int t = 0; t < BLOCK_SIZE; ++t) {
        forward(token, t, logits);
        token = choose(logits, temperature, random_uniform(seed, number, (uint64_t)t));
        if (token == BOS) break;
        print_character(characters[token]);
    }
    putchar('\n');
}

static uint64_t whole_number(const char* text) {
    char* end;
    errno = 0;
    const unsigned long long number = strtoull(text, &end, 10);
    if (text[0] < '0' || text[0] > '9' || *end != '\0' || errno != 0) {
        fprintf(stderr, "%s is not a whole number from 0 on\n", text);
        exit(2);
    }
    return number;
}

static float temperature_of(const char* text) {
    char* end;
    const double temperature = strtod(text, &end);
    if (end == text || *end != '\0' || !(temperature >= 0.0 && temperature <= 100.0)) {
        fprintf(stderr, "%s is not a temperature from 0 to 100\n", text);
        exit(2);
    }
    return (float)temperature;
}

int main(int argc, char** argv) {
    if (argc > 4 || (argc > 1 && argv[1][0] == '-')) {
        fprintf(stderr, "usage: %s [COUNT [SEED [TEMPERATURE]]]\n", argv[0]);
        return 2;
    }
    const uint64_t count = argc > 1 ? whole_number(argv[1]) : 20;
    const uint64_t seed = argc > 2 ? whole_number(argv[2]) : DEFAULT_SEED;
    const float temperature = argc > 3 ? temperature_of(argv[3]) : 0.5f;
    for (uint64_t number = 0; number < count; ++number) {
        draw_text(seed, number, temperature);
    }
    return ferror(stdout) || fflush(stdout) != 0 ? 1 : 0;
}

#include "weights.h"
