/* HTTP/2 (RFC 9113) as a client speaks it: what we write towards Envoy's HTTP connection manager, and Envoy's own output,
 * which we read. Touches memory only; no byte of the network is read here.
 *
 * A request is headers alone: the message itself stays in the registry (request.h). Only the later messages of a stream
 * have DATA, which says their sizes: zeros, so that Envoy's windows hold back a client that sends too fast. */
#ifndef MP_HTTP2_H
#define MP_HTTP2_H

#include "buffer.h"

enum {
    HTTP2_MAX_FRAME = 16384,           /* the default of SETTINGS_MAX_FRAME_SIZE, which neither side changes */
    HTTP2_DEFAULT_WINDOW = 65535,      /* until SETTINGS or WINDOW_UPDATE say otherwise */
    HTTP2_OUR_WINDOW = 0x7fffffff,     /* what we grant: held bytes are bounded where they are held */
    HTTP2_MAX_HEADER_BLOCK = 1 << 20,
    HTTP2_REFUSED_STREAM = 7,
    HTTP2_CANCEL = 8,
};

/* ---- writing */

/* The connection preface with our SETTINGS: no dynamic table, no push, the largest windows. */
void http2_write_preface(struct buffer *out);
/* HEADERS, and CONTINUATION where the block is longer than a frame. */
void http2_write_headers(struct buffer *out, uint32_t stream, const uint8_t *block, size_t size, bool end_stream);
/* One frame of DATA, of at most HTTP2_MAX_FRAME zeros. */
void http2_write_zeros(struct buffer *out, uint32_t stream, size_t size, bool end_stream);
void http2_write_reset(struct buffer *out, uint32_t stream, uint32_t code);
void http2_write_window_update(struct buffer *out, uint32_t stream, uint32_t increment);

/* ---- reading */

/* What Envoy said. A function that returns false ends the reading: the connection cannot go on. */
struct http2_events {
    bool (*headers)(void *context, uint32_t stream, const uint8_t *block, size_t size, bool end_stream);
    bool (*data)(void *context, uint32_t stream, const uint8_t *data, size_t size, bool end_stream);
    bool (*reset)(void *context, uint32_t stream, uint32_t code);
    bool (*goaway)(void *context, uint32_t last_stream);
    bool (*max_streams)(void *context, uint32_t count); /* SETTINGS_MAX_CONCURRENT_STREAMS */
    bool (*initial_window)(void *context, uint32_t size);
    bool (*window_update)(void *context, uint32_t stream, uint32_t increment);
};

struct http2_reader {
    struct buffer partial; /* a frame that is not whole yet */
    struct buffer block;   /* a header block that goes on in CONTINUATION */
    uint32_t block_stream; /* 0 if none does */
    bool block_ends_stream;
    uint32_t received; /* bytes of DATA since we last granted as many */
};

struct http2_reader http2_reader_new(void);
void http2_reader_free(struct http2_reader *reader);
/* Read bytes as they come, in pieces of any size. Acknowledgements and credit that Envoy must get are added to `answers`.
 * Return false if they are not HTTP/2, or an event said so. */
bool http2_read(struct http2_reader *reader, const uint8_t *data, size_t size, const struct http2_events *events,
                void *context, struct buffer *answers);

#endif
