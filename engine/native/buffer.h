/* Text as a place and a size, and a growing array of bytes with a limit. Touches memory only. */
#ifndef MP_BUFFER_H
#define MP_BUFFER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct text {
    const char *data;
    size_t size;
};

/* Laid out as in Envoy's ABI. */
struct header {
    struct text name, value;
};

#define TEXT(literal) ((struct text){literal, sizeof(literal) - 1})

bool text_is(struct text text, struct text other);
bool text_begins(struct text text, struct text beginning);

struct buffer {
    uint8_t *data;
    size_t size, capacity, limit;
    bool failed;
};

/* Return an empty buffer that never holds more than `limit` bytes. */
struct buffer buffer_new(size_t limit);
/* Make room for `size` more bytes; return where they go, or NULL if the limit or the memory does not allow it. */
uint8_t *buffer_reserve(struct buffer *buffer, size_t size);
bool buffer_add(struct buffer *buffer, const void *data, size_t size);
bool buffer_add_byte(struct buffer *buffer, uint8_t byte);
/* Forget the content and the failure, and keep the memory unless it is large. */
void buffer_clear(struct buffer *buffer);
void buffer_free(struct buffer *buffer);

#endif
