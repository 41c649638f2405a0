/* HPACK (RFC 7541) with a dynamic table of size 0, which our SETTINGS demand. Touches memory only.
 *
 * Written: literals without indexing and without Huffman. Read: all of HPACK but the dynamic table. What is read is
 * Envoy's own output, and bounded all the same. */
#ifndef MP_HPACK_H
#define MP_HPACK_H

#include "buffer.h"

/* The headers of one block. Names and values point into `text`, or into the static table. */
struct header_list {
    struct buffer text;
    struct header *headers;
    size_t count, capacity;
};

enum { HPACK_MAX_HEADERS = 1024, HPACK_MAX_TEXT = 1 << 20 };

/* Names that the static table has; only a literal's name is taken from it. */
enum hpack_name { HPACK_AUTHORITY = 1, HPACK_PATH = 4 };
/* Whole headers that it has. */
enum hpack_header { HPACK_METHOD_POST = 3, HPACK_SCHEME_HTTP = 6 };

void hpack_write_indexed(struct buffer *out, enum hpack_header header);
void hpack_write_value(struct buffer *out, enum hpack_name name, struct text value);
void hpack_write_header(struct buffer *out, struct text name, struct text value);

struct header_list header_list_new(void);
void header_list_free(struct header_list *list);
/* Read a whole header block; return false if it is not HPACK, or too large. The list is replaced. */
bool hpack_read(const uint8_t *block, size_t size, struct header_list *list);

#endif
