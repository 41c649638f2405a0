/* The inside of the codec filter: a client's connection, and its exchanges. An exchange is a message of the client, until
 * its answer has left; most are a request on a stream of HTTP/2. Messages pass as they are: no byte of one is read. */
#ifndef MP_EXCHANGE_H
#define MP_EXCHANGE_H

#include <time.h>

#include "codec_filter.h"
#include "http2.h"
#include "intake.h"

struct codec_config;
struct message;

enum { EXCHANGE_BUCKETS = 64, EXCHANGE_LAST_ID = 0x7fffffff, EXCHANGE_OUT_LIMIT = 1 << 28 };

/* A message of the client, until its answer has left. */
struct exchange {
    uint32_t id; /* of HTTP/2; 0: not sent yet, or answered here */
    unsigned status;
    bool answered, done, ends; /* ends: the connection closes after the answer */
    bool last_said;            /* of a stream: the client's last message has come */
    int64_t window;            /* of a stream: what Envoy takes of it at once */
    size_t unsaid;             /* of a stream: the size of messages that Envoy was not told of yet */
    size_t forwarded;          /* of a stream: the size of its later messages */
    struct request *request;   /* NULL: answered here */
    struct text answer;
    void *holder; /* keeps the answer alive */
    bool unwritten; /* of one that lingers: the kernel may not have taken all of its messages yet */
    struct exchange *before, *after, *chain;
};

struct codec_filter {
    void *envoy, *scheduler;
    struct codec_config *config;
    void *connection, *feed; /* the Python half's Connection, and its method */
    uint64_t connection_id;
    bool begun, known, late, silent, streams, passes, half_closed, last, draining, closing, closed, above, paused, posted;
    bool sending, next_may_leave; /* in send_next */
    uint32_t next_id, max_streams;
    int64_t window, initial_window; /* for DATA, which the messages of streams have */
    size_t in_flight, held;
    size_t lingering_count; /* of those in flight: answered, and Envoy still has their streams */
    struct intake intake; /* of the client's bytes */
    size_t kept;  /* bytes that the codec's decoder keeps of a message that is not whole */
    struct buffer rest;   /* what a client had sent when it closed its half and reading was paused */
    size_t rest_at;       /* so much of it was read */
    struct http2_reader reader;
    struct buffer out; /* HTTP/2 for the HTTP connection manager */
    struct exchange *first, *newest, *unsent, *ready, *ready_last, *buckets[EXCHANGE_BUCKETS];
    struct exchange *lingering, *lingering_newest; /* an id each, and no request */
    struct bridge *held_first, *held_last;
    char destination[64]; /* the address that the client called, and its port */
    struct request *heartbeat; /* the last one that was told to the HTTP connection manager */
    time_t kept_alive;
};

/* ---- codec_filter.c */

/* The connection has sent a whole message, or has gone. */
void codec_filter_heard(struct codec_filter *filter);

/* ---- client_bytes.c: what comes from the client becomes exchanges */

/* Hand what was written to the HTTP connection manager, past the bytes that are still in Envoy's read buffer. */
void client_flush_out(struct codec_filter *filter);
/* Go on with bytes that were kept. */
void client_read_rest(struct codec_filter *filter);

/* ---- exchange.c: which there are, on their way to Envoy and back */

struct exchange *exchange_add(struct codec_filter *filter, struct request *request);
struct exchange *exchange_find(struct codec_filter *filter, uint32_t id);
struct exchange *exchange_of(struct codec_filter *filter, const struct request *request);
void exchange_forget_id(struct codec_filter *filter, struct exchange *exchange);
void exchange_free(struct exchange *exchange);
/* Write the request's headers, for Envoy; false if they are too long. */
bool exchange_send(struct codec_filter *filter, struct exchange *exchange);
/* The same; the client is told. */
void exchange_send_or_refuse(struct codec_filter *filter, struct exchange *exchange);
/* The exchange has its answer: queue it, and those that have waited for it. `exchange_flush` sends them. */
void exchange_finish(struct codec_filter *filter, struct exchange *exchange);
/* The exchange will soon be finished, and Envoy keeps its stream until the server has closed its connection. It counts as
 * in flight until then: a server that never does must not cost more connections than a client may have requests. */
void exchange_linger(struct codec_filter *filter, struct exchange *exchange);
/* Envoy has ended the stream of one that lingered. */
void exchange_end_lingering(struct codec_filter *filter, struct exchange *exchange);
/* Reset the stream that has lingered longest, if there is one. */
void exchange_reset_lingering(struct codec_filter *filter);
/* How many requests of the client wait for an answer. */
size_t exchange_waiting(const struct codec_filter *filter);
/* Queue bytes for the client that belong to no exchange of their own; takes over the holder. */
void exchange_push(struct codec_filter *filter, void *holder, struct text bytes);
/* Send what is ready: into Envoy's write buffer inside its callback, otherwise past it. */
void exchange_flush(struct codec_filter *filter, bool in_write);
/* Have codec_filter_scheduled called. */
void exchange_post(struct codec_filter *filter);
void exchange_update_pause(struct codec_filter *filter);

/* ---- answer.c: what comes from Envoy becomes messages */

/* The call of the Python half that has just failed was late, or the codec raised. */
void answer_count_failure(struct codec_filter *filter);
/* With the lock. */
void answer_overflow(struct codec_filter *filter, struct exchange *exchange, void *object);
/* Envoy has nothing more for the exchange. `lost`: and no whole answer came. */
void answer_end(struct codec_filter *filter, struct exchange *exchange, bool lost);
extern const struct http2_events ANSWER_EVENTS;

/* ---- stream.c: streams of the protocol, with many messages in one exchange */

/* A later message of the client: (STREAM, counter, request, message, half, all). With the lock. */
bool stream_forward(struct codec_filter *filter, void *step);
/* The answer that opens the stream leaves at once. */
void stream_open(struct codec_filter *filter, struct exchange *exchange);
/* Tell Envoy the sizes of messages, as far as its windows allow. */
void stream_say_all(struct codec_filter *filter);

#endif
