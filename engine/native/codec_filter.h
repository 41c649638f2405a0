/* The network filter before Envoy's HTTP connection manager: a client's messages become HTTP/2 requests, and the answers
 * become messages again. It hands the client's bytes to the Python half and reads no byte of them; what it reads is the
 * HTTP/2 that the HTTP connection manager writes. One filter is one client connection, on one worker. */
#ifndef MP_CODEC_FILTER_H
#define MP_CODEC_FILTER_H

#include "buffer.h"

struct codec_filter;
struct bridge;
struct request;

void *codec_config_new(void *envoy, struct text config);
void codec_config_free(void *config);
void *codec_filter_new(void *config, void *envoy);
void codec_filter_free(void *filter);
int codec_filter_connected(void *filter);
int codec_filter_read(void *filter, size_t size, bool end_stream);
int codec_filter_write(void *filter, size_t size, bool end_stream);
void codec_filter_closed(void *filter);
void codec_filter_watermark(void *filter, bool above);
void codec_filter_scheduled(void *filter);

/* Add to a counter, by its number in metaprotocol_envoy.statistics. */
void codec_filter_count(struct codec_filter *filter, long counter);

/* Have codec_filter_scheduled called, from Envoy's event loop. */
void codec_filter_wake(struct codec_filter *filter);

/* Of a stream: hand on the messages that the bridge has queued; forget a stream that the client has ended; and count
 * bytes that it has sent. */
void codec_filter_stream_messages(struct codec_filter *filter, struct request *request);
/* The server's side of a stream, or of any request, ends without an answer, and with it the server's connection; `lost`:
 * what the client must be told, if it must. */
void codec_filter_broken(struct codec_filter *filter, struct request *request, const char *lost);
void codec_filter_stream_abandoned(struct codec_filter *filter, struct request *request);
void codec_filter_stream_sent(struct codec_filter *filter, size_t size);

/* A reply must not be handed to Envoy while the client's connection is above its write watermark: the router would leave
 * the server's connection with its reading disabled, and the pool would give it to the next request so. True if the bridge
 * has to wait; it is told by `bridge_continue`. */
bool codec_filter_hold(struct codec_filter *filter, struct bridge *bridge);
void codec_filter_unhold(struct codec_filter *filter, struct bridge *bridge);

#endif
