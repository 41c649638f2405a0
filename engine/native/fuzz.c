/* Fuzzes the HTTP/2 and HPACK halves: `fuzz SECONDS SEED`, or `fuzz FILE` for one input. A driver of ours, since not every
 * compiler has a fuzzer. Runs best under the address and undefined-behaviour sanitizers.
 *
 * Two things hold for all bytes: reading them neither crashes nor hangs, and the events are the same however the bytes were
 * cut. What is written can be read again. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "hpack.h"
#include "http2.h"

static uint64_t state;

static uint32_t draw(uint32_t below) { /* xorshift64* */
    state ^= state >> 12;
    state ^= state << 25;
    state ^= state >> 27;
    return (uint32_t)((state * 2685821657736338717ull) >> 33) % below;
}

/* ---- events, as one number */

static void mix(uint64_t *digest, const void *data, size_t size) {
    const uint8_t *bytes = data;
    for (size_t i = 0; i < size; i++) *digest = (*digest ^ bytes[i]) * 1099511628211ull;
}

static void mix_numbers(uint64_t *digest, uint32_t kind, uint32_t stream, uint32_t number) {
    uint32_t numbers[3] = {kind, stream, number};
    mix(digest, numbers, sizeof numbers);
}

static struct header_list headers;

static bool on_headers(void *digest, uint32_t stream, const uint8_t *block, size_t size, bool end_stream) {
    mix_numbers(digest, 1, stream, end_stream);
    if (!hpack_read(block, size, &headers)) return true;
    for (size_t i = 0; i < headers.count; i++) {
        mix(digest, headers.headers[i].name.data, headers.headers[i].name.size);
        mix(digest, headers.headers[i].value.data, headers.headers[i].value.size);
    }
    return true;
}
static bool on_data(void *digest, uint32_t stream, const uint8_t *data, size_t size, bool end_stream) {
    mix_numbers(digest, 2, stream, end_stream);
    mix(digest, data, size);
    return true;
}
static bool on_reset(void *digest, uint32_t stream, uint32_t code) { return mix_numbers(digest, 3, stream, code), true; }
static bool on_goaway(void *digest, uint32_t last) { return mix_numbers(digest, 4, 0, last), true; }
static bool on_max_streams(void *digest, uint32_t count) { return mix_numbers(digest, 5, 0, count), true; }
static bool on_initial_window(void *digest, uint32_t size) { return mix_numbers(digest, 6, 0, size), true; }
static bool on_window_update(void *digest, uint32_t stream, uint32_t by) { return mix_numbers(digest, 8, stream, by), true; }

static const struct http2_events events = {on_headers, on_data, on_reset, on_goaway,
                                           on_max_streams, on_initial_window, on_window_update};

static uint64_t read_cut(const uint8_t *data, size_t size, uint32_t longest) {
    uint64_t digest = 14695981039346656037ull;
    struct http2_reader reader = http2_reader_new();
    struct buffer answers = buffer_new(1 << 24);
    bool good = true;
    for (size_t at = 0; at < size && good;) {
        size_t part = longest ? 1 + draw(longest) : size;
        if (part > size - at) part = size - at;
        uint8_t *copy = malloc(part); /* so that reading past its end is seen */
        if (!copy) abort();
        memcpy(copy, data + at, part);
        good = http2_read(&reader, copy, part, &events, &digest, &answers);
        free(copy);
        at += part;
    }
    mix_numbers(&digest, 7, good, (uint32_t)answers.size);
    http2_reader_free(&reader);
    buffer_free(&answers);
    return digest;
}

/* ---- inputs */

static void write_random_block(struct buffer *out) {
    char text[300];
    for (size_t i = 0; i < sizeof text; i++) text[i] = (char)draw(256);
    hpack_write_indexed(out, draw(2) ? HPACK_METHOD_POST : HPACK_SCHEME_HTTP);
    for (uint32_t i = draw(6); i; i--) {
        struct text name = {text, draw(40)}, value = {text, draw(sizeof text)};
        hpack_write_header(out, name, value);
        hpack_write_value(out, HPACK_PATH, value);
    }
}

static void write_random_frame(struct buffer *out) {
    static const uint8_t bytes[HTTP2_MAX_FRAME];
    struct buffer block = buffer_new(1 << 20);
    switch (draw(8)) {
    case 0:
        http2_write_preface(out); /* not Envoy's, and yet it has SETTINGS */
        break;
    case 1:
    case 2:
        write_random_block(&block);
        if (draw(8) == 0) {
            for (int i = 0; i < 3; i++) buffer_add(&block, bytes, HTTP2_MAX_FRAME);
        }
        http2_write_headers(out, 2 * draw(4) + 1, block.data, block.size, draw(2));
        break;
    case 3:
    case 4:
        http2_write_zeros(out, 2 * draw(4) + 1, draw(draw(4) ? 50 : HTTP2_MAX_FRAME + 1), draw(2));
        break;
    case 5:
        http2_write_reset(out, 2 * draw(4) + 1, draw(14));
        break;
    case 6:
        http2_write_window_update(out, draw(4), draw(1000));
        break;
    default: { /* a frame of any type, with any flags */
        uint8_t frame[9 + 64] = {0, 0, (uint8_t)draw(65), (uint8_t)draw(12), (uint8_t)draw(256)};
        frame[8] = (uint8_t)draw(5);
        for (size_t i = 9; i < sizeof frame; i++) frame[i] = (uint8_t)draw(256);
        buffer_add(out, frame, 9 + frame[2]);
    }
    }
    buffer_free(&block);
}

static void mutate(struct buffer *input) {
    for (uint32_t i = draw(6); i && input->size; i--) input->data[draw((uint32_t)input->size)] ^= (uint8_t)(1 << draw(8));
    if (input->size && draw(4) == 0) input->size = draw((uint32_t)input->size);
}

static bool try(const uint8_t *data, size_t size) {
    uint64_t whole = read_cut(data, size, 0);
    return whole == read_cut(data, size, 1) && whole == read_cut(data, size, 40) && whole == read_cut(data, size, 20000);
}

static void fail(const struct buffer *input) {
    FILE *file = fopen("engine-fuzz-failure.bin", "wb");
    if (file) {
        fwrite(input->data, 1, input->size, file);
        fclose(file);
    }
    fprintf(stderr, "the events depend on how the bytes were cut; the input is in engine-fuzz-failure.bin\n");
    exit(1);
}

int main(int argc, char **argv) {
    headers = header_list_new();
    struct buffer input = buffer_new(1 << 24);
    if (argc == 2) {
        FILE *file = fopen(argv[1], "rb");
        uint8_t part[4096];
        size_t size;
        if (!file) return 2;
        while ((size = fread(part, 1, sizeof part, file))) buffer_add(&input, part, size);
        fclose(file);
        state = 1;
        if (!try(input.data, input.size)) fail(&input);
        return 0;
    }
    if (argc != 3) {
        fprintf(stderr, "usage: fuzz SECONDS SEED, or fuzz FILE\n");
        return 2;
    }
    time_t end = time(NULL) + atoi(argv[1]);
    state = strtoull(argv[2], NULL, 10) * 2 + 1;
    unsigned long runs = 0;
    do {
        for (int i = 0; i < 500; i++, runs++) {
            buffer_clear(&input);
            for (uint32_t frames = draw(8); frames; frames--) write_random_frame(&input);
            if (draw(4)) mutate(&input);
            if (input.size && !try(input.data, input.size)) fail(&input);
            write_random_block(&input); /* HPACK alone, past its own bytes */
            mutate(&input);
            hpack_read(input.data, input.size, &headers);
        }
    } while (time(NULL) < end);
    printf("%lu inputs, no failure\n", runs);
    header_list_free(&headers);
    buffer_free(&input);
    return 0;
}
