/* Text, and a growing array of bytes with a limit. Touches memory only. */
#include "buffer.h"

#include <stdlib.h>
#include <string.h>

enum { SMALLEST = 256, KEPT = 64 * 1024 };

bool text_is(struct text text, struct text other) {
    return text.size == other.size && !memcmp(text.data, other.data, other.size);
}

bool text_begins(struct text text, struct text beginning) {
    return text.size >= beginning.size && !memcmp(text.data, beginning.data, beginning.size);
}

struct buffer buffer_new(size_t limit) { return (struct buffer){.limit = limit}; }

uint8_t *buffer_reserve(struct buffer *buffer, size_t size) {
    if (buffer->failed || size > buffer->limit - buffer->size) {
        buffer->failed = true;
        return NULL;
    }
    size_t needed = buffer->size + size;
    if (needed > buffer->capacity || !buffer->data) {
        size_t capacity = buffer->capacity < SMALLEST ? SMALLEST : buffer->capacity;
        while (capacity < needed) capacity = capacity > buffer->limit / 2 ? buffer->limit : capacity * 2;
        if (capacity < needed) capacity = needed;
        uint8_t *data = realloc(buffer->data, capacity);
        if (!data) {
            buffer->failed = true;
            return NULL;
        }
        buffer->data = data;
        buffer->capacity = capacity;
    }
    return buffer->data + buffer->size;
}

bool buffer_add(struct buffer *buffer, const void *data, size_t size) {
    uint8_t *room = buffer_reserve(buffer, size);
    if (!room) return false;
    if (size) memcpy(room, data, size);
    buffer->size += size;
    return true;
}

bool buffer_add_byte(struct buffer *buffer, uint8_t byte) { return buffer_add(buffer, &byte, 1); }

void buffer_clear(struct buffer *buffer) {
    buffer->size = 0;
    buffer->failed = false;
    if (buffer->capacity > KEPT) {
        free(buffer->data);
        buffer->data = NULL;
        buffer->capacity = 0;
    }
}

void buffer_free(struct buffer *buffer) {
    free(buffer->data);
    *buffer = (struct buffer){.limit = buffer->limit};
}
