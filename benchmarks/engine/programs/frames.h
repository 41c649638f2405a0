/* What the load tool and the server know of a protocol: where a message says its length and its id. Numbers are big
 * endian. All else of a message is a template, which Python wrote to a file. */
#ifndef FRAMES_H
#define FRAMES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct frames {
    size_t length_at;  /* offset of the length, 4 bytes */
    size_t length_add; /* what it does not count */
    size_t id_at;      /* offset of the id */
    size_t id_size;    /* 4 or 8 bytes */
};

struct bytes {
    uint8_t *data;
    size_t start, end, room;
};

static inline void *checked(void *memory) {
    if (!memory) {
        fprintf(stderr, "out of memory\n");
        exit(1);
    }
    return memory;
}

static inline size_t bytes_held(const struct bytes *bytes) { return bytes->end - bytes->start; }

/* Return where `size` more bytes can be written. */
static inline uint8_t *bytes_space(struct bytes *bytes, size_t size) {
    if (bytes->start == bytes->end) bytes->start = bytes->end = 0;
    if (bytes->room - bytes->end < size) {
        memmove(bytes->data, bytes->data + bytes->start, bytes_held(bytes));
        bytes->end -= bytes->start;
        bytes->start = 0;
        if (bytes->room - bytes->end < size) {
            bytes->room = (bytes->end + size) * 2;
            bytes->data = checked(realloc(bytes->data, bytes->room));
        }
    }
    return bytes->data + bytes->end;
}

static inline uint64_t number_read(const uint8_t *at, size_t size) {
    uint64_t number = 0;
    while (size--) number = number << 8 | *at++;
    return number;
}

static inline void number_write(uint8_t *at, size_t size, uint64_t number) {
    while (size--) at[size] = (uint8_t)number, number >>= 8;
}

/* Return the size of the message that begins at `data`, or 0 if more bytes must come. */
static inline size_t frame_size(const struct frames *frames, const uint8_t *data, size_t size) {
    if (size < frames->length_at + 4) return 0;
    size_t whole = (size_t)number_read(data + frames->length_at, 4) + frames->length_add;
    return whole <= size ? whole : 0;
}

/* Take the four numbers of a protocol from the command line. */
static inline struct frames frames_of(char **arguments) {
    size_t numbers[4];
    for (int i = 0; i < 4; i++) numbers[i] = strtoul(arguments[i], NULL, 10);
    return (struct frames){numbers[0], numbers[1], numbers[2], numbers[3]};
}

static inline struct bytes file_read(const char *path) {
    struct bytes bytes = {0};
    FILE *file = fopen(path, "rb");
    if (!file) {
        perror(path);
        exit(1);
    }
    for (size_t got = 1; got; bytes.end += got) got = fread(bytes_space(&bytes, 65536), 1, 65536, file);
    fclose(file);
    return bytes;
}

#endif
