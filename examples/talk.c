/* Talks to a device with no library but POSIX: says hello, asks for the status and, if there is a
 * model, for three samples. All of it follows docs/protocol.md and protocol/README.md.
 *
 *     cc -std=c99 -o talk examples/talk.c
 *     ./talk /dev/ttyUSB0                 a serial port, or the pseudo-terminal of `ugpt sim`
 *     ./talk socket://localhost:5555      a virtual device: ugpt sim --listen localhost:5555
 */
#define _POSIX_C_SOURCE 200112L
#define _DARWIN_C_SOURCE

#include <errno.h>
#include <fcntl.h>
#include <netdb.h>
#include <poll.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <termios.h>
#include <time.h>
#include <unistd.h>

enum {
    REQUEST_MAX = 1280, /* frame_min_bytes: every device takes that much */
    ANSWER_MAX = 8192,  /* frame_max_bytes: no device sends more */
    TRIES = 20,
    WAIT_MS = 500 /* from one try to the next */
};

static void fail(const char* what) {
    fprintf(stderr, "talk: %s\n", what);
    exit(1);
}

/* The line: a serial port, a pseudo-terminal or a TCP socket */

static int open_socket(const char* host, const char* port) {
    struct addrinfo hints = {.ai_socktype = SOCK_STREAM}, *all;
    if (getaddrinfo(host, port, &hints, &all) != 0) fail("there is no such host");
    for (const struct addrinfo* at = all; at; at = at->ai_next) {
        int line = socket(at->ai_family, at->ai_socktype, at->ai_protocol);
        if (line >= 0 && connect(line, at->ai_addr, at->ai_addrlen) == 0) {
            freeaddrinfo(all);
            return line;
        }
        if (line >= 0) close(line);
    }
    fail("nothing listens there");
    return -1;
}

static int open_serial(const char* path) {
    struct termios raw;
    int line = open(path, O_RDWR | O_NOCTTY);
    if (line < 0 || tcgetattr(line, &raw) != 0) fail(strerror(errno));
    raw.c_iflag = raw.c_oflag = raw.c_lflag = 0;
    raw.c_cflag = CS8 | CREAD | CLOCAL; /* 8 data bits, no parity, 1 stop bit */
    cfsetispeed(&raw, B115200);
    cfsetospeed(&raw, B115200);
    if (tcsetattr(line, TCSANOW, &raw) != 0) fail(strerror(errno));
    return line;
}

static int open_line(char* where) {
    static const char SCHEME[] = "socket://";
    if (strncmp(where, SCHEME, strlen(SCHEME)) != 0) return open_serial(where);
    char *host = where + strlen(SCHEME), *colon = strrchr(host, ':');
    if (!colon) fail("the port is missing: socket://HOST:PORT");
    *colon = '\0';
    return open_socket(host, colon + 1);
}

static int64_t now_ms(void) {
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

/* Frames: 00, COBS(body, CRC-32 of the body), 00 */

static uint32_t crc32(const uint8_t* bytes, size_t size) {
    uint32_t crc = 0xFFFFFFFF;
    for (size_t i = 0; i < size; i++) {
        crc ^= bytes[i];
        for (int bit = 0; bit < 8; bit++) crc = crc >> 1 ^ (crc & 1 ? 0xEDB88320 : 0);
    }
    return ~crc;
}

static size_t cobs_encode(const uint8_t* in, size_t size, uint8_t* out) {
    size_t code = 0, end = 1; /* where the code of this block goes, and the next byte */
    for (size_t i = 0; i < size; i++) {
        if (end - code == 255) { /* a full block, which stands for no zero */
            out[code] = 255;
            code = end++;
        }
        if (in[i] != 0) {
            out[end++] = in[i];
        } else {
            out[code] = (uint8_t)(end - code);
            code = end++;
        }
    }
    out[code] = (uint8_t)(end - code);
    return end;
}

/* Decodes in place; returns 0 if a block is cut off. */
static size_t cobs_decode(uint8_t* bytes, size_t size) {
    size_t end = 0;
    for (size_t at = 0; at < size;) {
        size_t code = bytes[at++];
        if (code - 1 > size - at) return 0;
        memmove(bytes + end, bytes + at, code - 1);
        end += code - 1;
        at += code - 1;
        if (code < 255 && at < size) bytes[end++] = 0;
    }
    return end;
}

static void send_frame(int line, const uint8_t* body, size_t size) {
    uint8_t checked[REQUEST_MAX + 4], frame[REQUEST_MAX + 16];
    uint32_t crc = crc32(body, size);
    memcpy(checked, body, size);
    for (int i = 0; i < 4; i++) checked[size + i] = (uint8_t)(crc >> 8 * i);
    frame[0] = 0;
    size_t end = 1 + cobs_encode(checked, size + 4, frame + 1);
    frame[end++] = 0;
    for (size_t sent = 0; sent < end;) {
        ssize_t count = write(line, frame + sent, end - sent);
        if (count < 0) fail(strerror(errno));
        sent += (size_t)count;
    }
}

/* Waits for a frame; returns the size of its body, or 0 when the time is up. Whatever is no frame,
 * such as the messages of a chip that starts, is passed over. */
static size_t receive_frame(int line, uint8_t** body, int64_t deadline_ms) {
    static uint8_t buffer[ANSWER_MAX + 64];
    static size_t size; /* half a frame stays here until the next call */
    struct pollfd waiting = {.fd = line, .events = POLLIN};
    for (int64_t left; (left = deadline_ms - now_ms()) > 0;) {
        uint8_t byte;
        if (poll(&waiting, 1, (int)left) <= 0) continue;
        if (read(line, &byte, 1) != 1) fail("the line was closed");
        if (byte != 0) {
            if (size < sizeof buffer) buffer[size++] = byte;
            continue;
        }
        size_t whole = size < sizeof buffer ? cobs_decode(buffer, size) : 0;
        size = 0;
        if (whole < 5) continue;
        const uint8_t* crc = buffer + whole - 4;
        if ((crc[0] | crc[1] << 8 | crc[2] << 16 | (uint32_t)crc[3] << 24) ==
            crc32(buffer, whole - 4)) {
            *body = buffer;
            return whole - 4;
        }
    }
    return 0;
}

/* MessagePack, written: no more than requests need */

typedef struct {
    uint8_t bytes[REQUEST_MAX];
    size_t size;
} Writer;

static void put(Writer* to, int type, uint64_t value, int bytes) { /* big-endian */
    to->bytes[to->size++] = (uint8_t)type;
    while (bytes > 0) to->bytes[to->size++] = (uint8_t)(value >> 8 * --bytes);
}

static void put_uint(Writer* to, uint64_t value) {
    if (value < 0x80)
        put(to, (int)value, 0, 0);
    else if (value <= 0xFF)
        put(to, 0xCC, value, 1);
    else if (value <= 0xFFFF)
        put(to, 0xCD, value, 2);
    else if (value <= 0xFFFFFFFF)
        put(to, 0xCE, value, 4);
    else
        put(to, 0xCF, value, 8);
}

static void put_float(Writer* to, float value) {
    uint32_t bits;
    memcpy(&bits, &value, sizeof bits);
    put(to, 0xCA, bits, 4);
}

static void put_array(Writer* to, int count) {
    put(to, 0x90 | count, 0, 0);
}

static void put_empty_bin(Writer* to) {
    put(to, 0xC4, 0, 1);
}

static void put_str(Writer* to, const char* text) {
    put(to, 0xA0 | (int)strlen(text), 0, 0);
    while (*text) put(to, *text++, 0, 0);
}

/* MessagePack, read: one value after the other */

typedef struct {
    const uint8_t *at, *end;
} Reader;

typedef enum { NIL, BOOL, UINT, FLOAT, BYTES, ARRAY } Kind;

typedef struct {
    Kind kind;
    uint64_t number;      /* of a bool or integer; the length of bytes or an array */
    float real;           /* of a float */
    const uint8_t* bytes; /* of a str or bin */
} Value;

static uint64_t take(Reader* from, int bytes) { /* big-endian */
    uint64_t number = 0;
    if (from->end - from->at < bytes) fail("a message is too short");
    while (bytes-- > 0) number = number << 8 | *from->at++;
    return number;
}

static Value next(Reader* from) {
    Value value = {NIL, 0, 0, NULL};
    int type = (int)take(from, 1);
    if (type < 0x80) {
        value.kind = UINT, value.number = (uint64_t)type;
    } else if ((type & 0xF0) == 0x90) {
        value.kind = ARRAY, value.number = type & 0x0F;
    } else if (type == 0xDC || type == 0xDD) {
        value.kind = ARRAY, value.number = take(from, type == 0xDC ? 2 : 4);
    } else if ((type & 0xE0) == 0xA0) {
        value.kind = BYTES, value.number = type & 0x1F;
    } else if (type >= 0xC4 && type <= 0xC6) {
        value.kind = BYTES, value.number = take(from, 1 << (type - 0xC4));
    } else if (type >= 0xD9 && type <= 0xDB) {
        value.kind = BYTES, value.number = take(from, 1 << (type - 0xD9));
    } else if (type >= 0xCC && type <= 0xCF) {
        value.kind = UINT, value.number = take(from, 1 << (type - 0xCC));
    } else if (type == 0xC2 || type == 0xC3) {
        value.kind = BOOL, value.number = type == 0xC3;
    } else if (type == 0xCA) {
        uint32_t bits = (uint32_t)take(from, 4);
        value.kind = FLOAT;
        memcpy(&value.real, &bits, sizeof bits);
    } else if (type != 0xC0) {
        fail("a message holds a type that the protocol does not use");
    }
    if (value.kind == BYTES) {
        if ((uint64_t)(from->end - from->at) < value.number) fail("a message is too short");
        value.bytes = from->at;
        from->at += value.number;
    }
    return value;
}

static Value get(Reader* from, Kind kind) {
    Value value = next(from);
    if (value.kind != kind) fail("a message is not what docs/protocol.md says");
    return value;
}

static uint64_t get_uint(Reader* from) {
    return get(from, UINT).number;
}

static void skip(Reader* from) {
    Value value = next(from);
    for (uint64_t i = 0; value.kind == ARRAY && i < value.number; i++) skip(from);
}

static void print_text(const char* before, Value text) {
    printf("%s%.*s", before, (int)text.number, (const char*)text.bytes);
}

/* Calls */

static uint32_t last_id;

static Writer request(const char* method, int params) {
    Writer message = {.size = 0};
    put_array(&message, 4);
    put_uint(&message, 0);
    put_uint(&message, ++last_id);
    put_str(&message, method);
    put_array(&message, params);
    return message;
}

/* Asks until the answer comes, which repeating does not change, and returns it from the first field
 * of the result on. It is overwritten by the next call. */
static Reader call(int line, const Writer* message) {
    uint8_t* body;
    for (int try = 0; try < TRIES; try++) {
        int64_t deadline_ms = now_ms() + WAIT_MS;
        send_frame(line, message->bytes, message->size);
        for (size_t size; (size = receive_frame(line, &body, deadline_ms)) > 0;) {
            Reader from = {body, body + size};
            get(&from, ARRAY);
            if (get_uint(&from) != 1) continue;       /* a log line */
            if (get_uint(&from) != last_id) continue; /* a second answer to an earlier request */
            if (next(&from).kind == ARRAY) {
                printf("error %d: ", (int)get_uint(&from));
                print_text("", get(&from, BYTES));
                fail("the device refuses");
            }
            get(&from, ARRAY);
            return from;
        }
    }
    fail("no answer");
    return (Reader){NULL, NULL};
}

static void say_hello(int line) {
    Writer hello = request("hello", 2);
    put_uint(&hello, 1); /* major */
    put_uint(&hello, 0); /* minor: nothing here is newer */
    Reader from = call(line, &hello);
    get(&from, ARRAY);
    int major = (int)get_uint(&from), minor = (int)get_uint(&from);
    print_text("firmware ", get(&from, BYTES));
    print_text(" on ", get(&from, BYTES));
    print_text(", board ", get(&from, BYTES));
    printf(", protocol %d.%d\n", major, minor);
}

/* Returns whether there is a model. */
static bool ask_status(int line) {
    static const char* const STATES[] = {"empty", "idle", "training", "waiting", "saving"};
    Writer status = request("status", 0);
    Reader from = call(line, &status);
    get(&from, ARRAY);
    uint64_t state = get_uint(&from);
    get_uint(&from); /* run_id */
    int step = (int)get_uint(&from), target_step = (int)get_uint(&from);
    get_uint(&from); /* saved_step */
    double loss = get(&from, FLOAT).real;
    printf("%s, step %d of %d, loss %.4f\n", state < 5 ? STATES[state] : "in a new state", step,
           target_step, loss);
    return state != 0;
}

typedef struct {
    char* text; /* UTF-8: the characters in the order of their tokens */
    size_t size;
    int token_bytes;
} Vocabulary;

static Vocabulary read_vocabulary(int line) {
    Writer model_info = request("model_info", 0);
    Reader from = call(line, &model_info);
    get(&from, ARRAY);
    skip(&from); /* run_id */
    get(&from, ARRAY);
    for (int i = 0; i < 4; i++) skip(&from); /* n_layer to block_size */
    int token_bytes = get_uint(&from) <= 256 ? 1 : 2;
    skip(&from); /* recipe */
    size_t size = (size_t)get_uint(&from), read = 0;
    char* text = malloc(size + 1);
    if (!text) fail("there is not enough memory");
    while (read < size) {
        Writer part = request("vocabulary_read", 2);
        put_uint(&part, read);
        put_uint(&part, 1000);
        from = call(line, &part);
        Value data = get(&from, BYTES);
        if (data.number == 0 || data.number > size - read) fail("the vocabulary has changed");
        memcpy(text + read, data.bytes, data.number);
        read += data.number;
    }
    text[size] = '\0';
    return (Vocabulary){text, size, token_bytes};
}

static void print_character(const Vocabulary* vocabulary, int token) {
    const char *at = vocabulary->text, *end = at + vocabulary->size;
    for (; at < end; at++) {
        if ((*at & 0xC0) == 0x80) continue; /* inside a character */
        if (token-- == 0) break;
    }
    do putchar(*at++);
    while (at < end && (*at & 0xC0) == 0x80);
}

static void print_sample(int line, const Vocabulary* vocabulary, uint32_t number) {
    Writer sample = request("sample", 5);
    put_uint(&sample, 42); /* seed */
    put_uint(&sample, number);
    put_float(&sample, 0.5f); /* temperature */
    put_empty_bin(&sample);   /* prompt */
    put_empty_bin(&sample);   /* uniforms */
    Reader from = call(line, &sample);
    Value tokens = get(&from, BYTES);
    for (size_t i = 0; i < tokens.number; i += (size_t)vocabulary->token_bytes) {
        int high = vocabulary->token_bytes == 2 ? tokens.bytes[i + 1] : 0;
        print_character(vocabulary, tokens.bytes[i] | high << 8);
    }
    putchar('\n');
}

int main(int count, char** arguments) {
    if (count != 2) fail("name a serial port or socket://HOST:PORT");
    int line = open_line(arguments[1]);
    last_id = (uint32_t)time(NULL) * 1000; /* the device may still be busy with another host's id */
    say_hello(line);
    if (ask_status(line)) {
        Vocabulary vocabulary = read_vocabulary(line);
        for (uint32_t number = 0; number < 3; number++) print_sample(line, &vocabulary, number);
        free(vocabulary.text);
    }
    close(line);
    return 0;
}
