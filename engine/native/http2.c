/* HTTP/2 (RFC 9113) as a client speaks it. Touches memory only. */
#include "http2.h"

#include <string.h>

enum { FRAME_HEADER = 9 };
enum frame { DATA, HEADERS, PRIORITY, RST_STREAM, SETTINGS, PUSH_PROMISE, PING, GOAWAY, WINDOW_UPDATE, CONTINUATION };
enum flag { END_STREAM = 1, ACK = 1, END_HEADERS = 4, PADDED = 8, HAS_PRIORITY = 32 };
enum setting { HEADER_TABLE_SIZE = 1, ENABLE_PUSH = 2, MAX_CONCURRENT_STREAMS = 3, INITIAL_WINDOW_SIZE = 4 };
enum { CREDIT = 1 << 29 }; /* grant the connection's window anew when so much of it is used */

/* ---- writing */

static void put32(uint8_t *at, uint32_t value) {
    for (int i = 0; i < 4; i++) at[i] = (uint8_t)(value >> (24 - 8 * i));
}

static uint32_t get32(const uint8_t *at) {
    return (uint32_t)at[0] << 24 | (uint32_t)at[1] << 16 | (uint32_t)at[2] << 8 | at[3];
}

static void write_frame(struct buffer *out, enum frame type, uint8_t flags, uint32_t stream, const uint8_t *payload,
                        size_t size) {
    uint8_t *at = buffer_reserve(out, FRAME_HEADER + size);
    if (!at) return;
    at[0] = (uint8_t)(size >> 16);
    at[1] = (uint8_t)(size >> 8);
    at[2] = (uint8_t)size;
    at[3] = (uint8_t)type;
    at[4] = flags;
    put32(at + 5, stream);
    if (size) memcpy(at + FRAME_HEADER, payload, size);
    out->size += FRAME_HEADER + size;
}

void http2_write_preface(struct buffer *out) {
    static const char magic[] = "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";
    static const uint8_t settings[] = {0, HEADER_TABLE_SIZE, 0, 0, 0, 0, 0, ENABLE_PUSH, 0, 0, 0, 0,
                                       0, INITIAL_WINDOW_SIZE, 0x7f, 0xff, 0xff, 0xff};
    buffer_add(out, magic, sizeof magic - 1);
    write_frame(out, SETTINGS, 0, 0, settings, sizeof settings);
    http2_write_window_update(out, 0, HTTP2_OUR_WINDOW - HTTP2_DEFAULT_WINDOW);
}

void http2_write_headers(struct buffer *out, uint32_t stream, const uint8_t *block, size_t size, bool end_stream) {
    enum frame type = HEADERS;
    uint8_t flags = end_stream ? END_STREAM : 0;
    do {
        size_t part = size < HTTP2_MAX_FRAME ? size : HTTP2_MAX_FRAME;
        write_frame(out, type, part == size ? flags | END_HEADERS : flags, stream, block, part);
        block += part;
        size -= part;
        type = CONTINUATION;
        flags = 0;
    } while (size);
}

void http2_write_zeros(struct buffer *out, uint32_t stream, size_t size, bool end_stream) {
    static const uint8_t zeros[HTTP2_MAX_FRAME];
    write_frame(out, DATA, end_stream ? END_STREAM : 0, stream, zeros, size);
}

void http2_write_reset(struct buffer *out, uint32_t stream, uint32_t code) {
    uint8_t payload[4];
    put32(payload, code);
    write_frame(out, RST_STREAM, 0, stream, payload, sizeof payload);
}

void http2_write_window_update(struct buffer *out, uint32_t stream, uint32_t increment) {
    uint8_t payload[4];
    put32(payload, increment);
    write_frame(out, WINDOW_UPDATE, 0, stream, payload, sizeof payload);
}

/* ---- reading */

struct frame_view {
    uint8_t type, flags;
    uint32_t stream;
    const uint8_t *payload;
    size_t size;
};

struct http2_reader http2_reader_new(void) {
    return (struct http2_reader){.partial = buffer_new(FRAME_HEADER + HTTP2_MAX_FRAME),
                                 .block = buffer_new(HTTP2_MAX_HEADER_BLOCK)};
}

void http2_reader_free(struct http2_reader *reader) {
    buffer_free(&reader->partial);
    buffer_free(&reader->block);
}

/* Cut the padding, and the fields that may precede the payload of DATA and HEADERS. */
static bool strip(struct frame_view *frame) {
    size_t before = 0, after = 0;
    if (frame->flags & PADDED) {
        if (!frame->size) return false;
        after = frame->payload[0];
        before = 1;
    }
    if (frame->type == HEADERS && frame->flags & HAS_PRIORITY) before += 5;
    if (before + after > frame->size) return false;
    frame->payload += before;
    frame->size -= before + after;
    return true;
}

static bool read_settings(const struct frame_view *frame, const struct http2_events *events, void *context,
                          struct buffer *answers) {
    if (frame->flags & ACK) return frame->size == 0;
    if (frame->size % 6) return false;
    for (size_t i = 0; i < frame->size; i += 6) {
        uint32_t name = (uint32_t)frame->payload[i] << 8 | frame->payload[i + 1], value = get32(frame->payload + i + 2);
        if (name == MAX_CONCURRENT_STREAMS && !events->max_streams(context, value)) return false;
        if (name != INITIAL_WINDOW_SIZE) continue;
        if (value > HTTP2_OUR_WINDOW || !events->initial_window(context, value)) return false;
    }
    write_frame(answers, SETTINGS, ACK, 0, NULL, 0);
    return true;
}

static bool read_header_block(struct http2_reader *reader, const struct frame_view *frame,
                              const struct http2_events *events, void *context) {
    bool whole = frame->flags & END_HEADERS;
    if (frame->type == HEADERS) {
        bool ends = frame->flags & END_STREAM;
        if (whole) return events->headers(context, frame->stream, frame->payload, frame->size, ends);
        reader->block_stream = frame->stream;
        reader->block_ends_stream = ends;
    }
    if (!buffer_add(&reader->block, frame->payload, frame->size)) return false;
    if (!whole) return true;
    uint32_t stream = reader->block_stream;
    reader->block_stream = 0;
    bool good = events->headers(context, stream, reader->block.data, reader->block.size, reader->block_ends_stream);
    buffer_clear(&reader->block);
    return good;
}

static bool read_frame(struct http2_reader *reader, struct frame_view frame, const struct http2_events *events,
                       void *context, struct buffer *answers) {
    /* A header block that has begun is followed by its continuation and nothing else. */
    bool continues = frame.type == CONTINUATION && frame.stream == reader->block_stream;
    if (reader->block_stream ? !continues : frame.type == CONTINUATION) return false;
    switch (frame.type) {
    case DATA:
        if (!frame.stream) return false;
        reader->received += (uint32_t)frame.size; /* padding counts */
        if (reader->received >= CREDIT) {
            http2_write_window_update(answers, 0, reader->received);
            reader->received = 0;
        }
        return strip(&frame) &&
               events->data(context, frame.stream, frame.payload, frame.size, frame.flags & END_STREAM);
    case HEADERS:
        return frame.stream && strip(&frame) && read_header_block(reader, &frame, events, context);
    case CONTINUATION:
        return read_header_block(reader, &frame, events, context);
    case RST_STREAM:
        return frame.stream && frame.size == 4 && events->reset(context, frame.stream, get32(frame.payload));
    case SETTINGS:
        return !frame.stream && read_settings(&frame, events, context, answers);
    case PING:
        if (frame.stream || frame.size != 8) return false;
        if (!(frame.flags & ACK)) write_frame(answers, PING, ACK, 0, frame.payload, frame.size);
        return true;
    case GOAWAY:
        return !frame.stream && frame.size >= 8 && events->goaway(context, get32(frame.payload) & HTTP2_OUR_WINDOW);
    case WINDOW_UPDATE: {
        if (frame.size != 4) return false;
        uint32_t increment = get32(frame.payload) & HTTP2_OUR_WINDOW;
        return increment && events->window_update(context, frame.stream, increment);
    }
    case PUSH_PROMISE:
        return false; /* our SETTINGS forbid it */
    default:
        return true; /* PRIORITY, and what later specifications add */
    }
}

static size_t frame_size(const uint8_t *header) {
    return FRAME_HEADER + ((size_t)header[0] << 16 | (size_t)header[1] << 8 | header[2]);
}

static bool read_whole(struct http2_reader *reader, const uint8_t *at, size_t size, const struct http2_events *events,
                       void *context, struct buffer *answers) {
    struct frame_view frame = {.type = at[3],
                               .flags = at[4],
                               .stream = get32(at + 5) & HTTP2_OUR_WINDOW,
                               .payload = at + FRAME_HEADER,
                               .size = size - FRAME_HEADER};
    return read_frame(reader, frame, events, context, answers) && !answers->failed;
}

bool http2_read(struct http2_reader *reader, const uint8_t *data, size_t size, const struct http2_events *events,
                void *context, struct buffer *answers) {
    struct buffer *partial = &reader->partial;
    while (size) {
        const uint8_t *header = data;
        size_t needed = FRAME_HEADER;
        if (partial->size) {
            if (partial->size < FRAME_HEADER) {
                size_t part = FRAME_HEADER - partial->size;
                if (part > size) part = size;
                if (!buffer_add(partial, data, part)) return false;
                data += part;
                size -= part;
                if (partial->size < FRAME_HEADER) return true;
            }
            header = partial->data;
        }
        if (partial->size || size >= FRAME_HEADER) {
            needed = frame_size(header);
            if (needed > FRAME_HEADER + HTTP2_MAX_FRAME) return false;
        }
        size_t missing = needed - partial->size;
        if (missing > size) return buffer_add(partial, data, size);
        if (!partial->size) {
            if (!read_whole(reader, data, needed, events, context, answers)) return false;
        } else {
            if (!buffer_add(partial, data, missing)) return false;
            if (!read_whole(reader, partial->data, needed, events, context, answers)) return false;
            buffer_clear(partial);
        }
        data += missing;
        size -= missing;
    }
    return true;
}
