/* HPACK (RFC 7541) with a dynamic table of size 0. Touches memory only. */
#include "hpack.h"

#include <stdlib.h>
#include <string.h>

#include "hpack_tables.h"

/* ---- the Huffman code, which is canonical: the codes of one length are consecutive */

enum { LONGEST_CODE = 30 };

static uint32_t first_code[LONGEST_CODE + 1];
static uint16_t codes_of_length[LONGEST_CODE + 1], first_symbol[LONGEST_CODE + 1];
static uint16_t symbols[HPACK_HUFFMAN_SYMBOLS];

__attribute__((constructor)) static void sort_huffman_code(void) {
    uint16_t at = 0;
    for (int length = 1; length <= LONGEST_CODE; length++) {
        first_symbol[length] = at;
        for (uint16_t symbol = 0; symbol < HPACK_HUFFMAN_SYMBOLS; symbol++) {
            if (HPACK_HUFFMAN[symbol].length != length) continue;
            if (!codes_of_length[length]++) first_code[length] = HPACK_HUFFMAN[symbol].code;
            symbols[at++] = symbol;
        }
    }
}

static bool read_huffman(const uint8_t *data, size_t size, struct buffer *out) {
    uint32_t code = 0;
    int length = 0;
    for (size_t i = 0; i < size; i++) {
        for (int bit = 7; bit >= 0; bit--) {
            code = code << 1 | (data[i] >> bit & 1);
            if (++length > LONGEST_CODE) return false;
            uint32_t index = code - first_code[length];
            if (!codes_of_length[length] || code < first_code[length] || index >= codes_of_length[length]) continue;
            uint16_t symbol = symbols[first_symbol[length] + index];
            if (symbol == HPACK_HUFFMAN_EOS || !buffer_add_byte(out, (uint8_t)symbol)) return false;
            code = 0;
            length = 0;
        }
    }
    /* The rest of the last byte is the beginning of EOS, which is all ones. */
    return length < 8 && code == (1u << length) - 1;
}

/* ---- writing */

static void write_integer(struct buffer *out, uint8_t pattern, int prefix, size_t value) {
    size_t most = ((size_t)1 << prefix) - 1;
    if (value < most) {
        buffer_add_byte(out, (uint8_t)(pattern | value));
        return;
    }
    buffer_add_byte(out, (uint8_t)(pattern | most));
    for (value -= most; value >= 128; value >>= 7) buffer_add_byte(out, (uint8_t)((value & 127) | 128));
    buffer_add_byte(out, (uint8_t)value);
}

static void write_string(struct buffer *out, struct text text) {
    write_integer(out, 0, 7, text.size);
    buffer_add(out, text.data, text.size);
}

void hpack_write_indexed(struct buffer *out, enum hpack_header header) { write_integer(out, 0x80, 7, header); }

void hpack_write_value(struct buffer *out, enum hpack_name name, struct text value) {
    write_integer(out, 0, 4, name);
    write_string(out, value);
}

void hpack_write_header(struct buffer *out, struct text name, struct text value) {
    buffer_add_byte(out, 0);
    write_string(out, name);
    write_string(out, value);
}

/* ---- reading */

struct input {
    const uint8_t *at, *end;
};

static bool read_integer(struct input *in, int prefix, size_t *value) {
    if (in->at == in->end) return false;
    size_t most = ((size_t)1 << prefix) - 1;
    *value = *in->at++ & most;
    if (*value < most) return true;
    for (int shift = 0; shift <= 21 && in->at < in->end; shift += 7) {
        uint8_t byte = *in->at++;
        *value += (size_t)(byte & 127) << shift;
        if (!(byte & 128)) return true;
    }
    return false; /* it has no end, or is over 2^28, which nothing here may be */
}

/* Append a string to the list's text. Its place is kept as an offset: the text may move while it grows. */
static bool read_string(struct input *in, struct buffer *text, size_t *offset, size_t *size) {
    size_t length;
    bool huffman = in->at < in->end && *in->at & 128;
    if (!read_integer(in, 7, &length) || length > (size_t)(in->end - in->at)) return false;
    *offset = text->size;
    if (!(huffman ? read_huffman(in->at, length, text) : buffer_add(text, in->at, length))) return false;
    in->at += length;
    *size = text->size - *offset;
    return true;
}

struct header_list header_list_new(void) { return (struct header_list){.text = buffer_new(HPACK_MAX_TEXT)}; }

void header_list_free(struct header_list *list) {
    buffer_free(&list->text);
    free(list->headers);
    *list = header_list_new();
}

static struct header *add_header(struct header_list *list) {
    if (list->count == HPACK_MAX_HEADERS) return NULL;
    if (list->count == list->capacity) {
        size_t capacity = list->capacity ? list->capacity * 2 : 32;
        struct header *headers = realloc(list->headers, capacity * sizeof *headers);
        if (!headers) return NULL;
        list->headers = headers;
        list->capacity = capacity;
    }
    return &list->headers[list->count++];
}

static struct text static_text(const char *text) { return (struct text){text, strlen(text)}; }

/* While the text grows, a part of it is a NULL with its size and, in place of the pointer, an offset to be added. */
static bool read_header(struct input *in, struct header_list *list, size_t offsets[][2]) {
    uint8_t first = *in->at;
    bool indexed = first & 0x80;
    size_t index;
    if (!read_integer(in, indexed ? 7 : first & 0x40 ? 6 : 4, &index) || index > HPACK_STATIC_SIZE) return false;
    struct header *header = add_header(list);
    if (!header) return false;
    size_t *offset = offsets[list->count - 1];
    if (index) header->name = static_text(HPACK_STATIC[index - 1].name);
    if (indexed) {
        if (!index) return false;
        header->value = static_text(HPACK_STATIC[index - 1].value);
        return true;
    }
    if (!index) {
        header->name.data = NULL;
        if (!read_string(in, &list->text, &offset[0], &header->name.size)) return false;
    }
    header->value.data = NULL;
    return read_string(in, &list->text, &offset[1], &header->value.size);
}

bool hpack_read(const uint8_t *block, size_t size, struct header_list *list) {
    size_t offsets[HPACK_MAX_HEADERS][2];
    struct input in = {block, block + size};
    list->count = 0;
    buffer_clear(&list->text);
    if (!buffer_reserve(&list->text, 1)) return false; /* so that an empty text has an address, too */
    while (in.at < in.end) {
        if ((*in.at & 0xe0) == 0x20) { /* a new size of the dynamic table: ours has none */
            size_t table_size;
            if (!read_integer(&in, 5, &table_size) || table_size || list->count) return false;
        } else if (!read_header(&in, list, offsets)) {
            list->count = 0;
            return false;
        }
    }
    const char *text = (const char *)list->text.data;
    for (size_t i = 0; i < list->count; i++) {
        struct header *header = &list->headers[i];
        if (!header->name.data) header->name.data = text + offsets[i][0];
        if (!header->value.data) header->value.data = text + offsets[i][1];
    }
    return true;
}
