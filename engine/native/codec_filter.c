/* The network filter before Envoy's HTTP connection manager. */
#include "codec_filter.h"

#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "abi.h"
#include "bridge.h"
#include "codec_config.h"
#include "hpack.h"
#include "http2.h"
#include "http_filter.h"
#include "python.h"
#include "request.h"

enum { BUCKETS = 64, LAST_STREAM = 0x7fffffff, OUT_LIMIT = 1 << 28, STREAMS_AT_MOST = 1 << 30 };

/* The Step of metaprotocol_envoy.connection. */
enum step { FORWARD, REPLY, CLOSE, STREAM };
enum detection { FOREIGN, OURS, UNSURE };
enum { NEEDS_REPLY, ONEWAY, ONEWAY_WITH_SECRET_ID, OPENS_STREAM };

/* A message of the client, until its answer has left. */
struct stream {
    uint32_t id; /* of HTTP/2; 0: not sent yet, or answered here */
    unsigned status;
    bool answered, done, ends; /* ends: the connection closes after the answer */
    bool last_said;            /* of a stream: the client's last message has come */
    int64_t window;            /* of a stream: what Envoy takes of it at once */
    size_t unsaid;             /* of a stream: the size of messages that Envoy was not told of yet */
    struct request *request;   /* NULL: answered here */
    struct text answer;
    void *holder; /* keeps the answer alive */
    struct stream *before, *after, *chain;
};

struct codec_filter {
    void *envoy, *scheduler;
    struct codec_config *config;
    void *connection, *feed; /* the Python half's Connection, and its method */
    uint64_t connection_id;
    bool begun, known, silent, passes, half_closed, last, draining, closing, closed, above, paused, posted;
    uint32_t next_id, max_streams;
    int64_t window, initial_window; /* for DATA, which the messages of streams have */
    size_t in_flight, held;
    struct http2_reader reader;
    struct buffer out; /* HTTP/2 for the HTTP connection manager */
    struct stream *first, *newest, *unsent, *ready, *ready_last, *buckets[BUCKETS];
    struct bridge *held_first, *held_last;
    char destination[96];
    struct request *heartbeat; /* the last one that was told to the HTTP connection manager */
    time_t kept_alive;
};

static __thread struct buffer block;
static __thread struct header_list list;

static _Atomic long silent_connections; /* of the process */

static const struct http2_events events;
static void post(struct codec_filter *filter);
static void end_stream(struct codec_filter *filter, struct stream *stream, bool lost);

/* ---- statistics */

void codec_filter_count(struct codec_filter *filter, long counter) {
    if (counter >= 0 && (size_t)counter < filter->config->counters_count) {
        abi_network_count(filter->envoy, filter->config->counters[counter], 1);
    }
}

static void count_failed_call(struct codec_filter *filter) {
    codec_filter_count(filter, python_was_late() ? COUNT_DEADLINES : COUNT_CODEC_EXCEPTIONS);
}

/* ---- birth and death */

void *codec_filter_new(void *config, void *envoy) {
    struct codec_filter *filter = calloc(1, sizeof *filter);
    if (!filter) return NULL;
    filter->config = codec_config_keep(config);
    filter->envoy = envoy;
    filter->next_id = 1;
    filter->max_streams = STREAMS_AT_MOST;
    filter->window = filter->initial_window = HTTP2_DEFAULT_WINDOW;
    filter->out = buffer_new(OUT_LIMIT);
    filter->reader = http2_reader_new();
    python_enter();
    filter->connection = python_call_method(filter->config->service, "connect", NULL, NULL);
    filter->feed = filter->connection ? PyObject_GetAttrString(filter->connection, "feed") : NULL;
    python_leave();
    filter->scheduler = abi_network_scheduler_new(envoy);
    if (filter->feed && filter->scheduler) return filter;
    codec_filter_free(filter);
    return NULL;
}

static void post(struct codec_filter *filter) {
    if (filter->posted || filter->closed) return;
    filter->posted = true;
    abi_network_scheduler_commit(filter->scheduler, 0);
}

static void free_stream(struct stream *stream) {
    python_drop_later(stream->holder);
    if (stream->request) request_end(stream->request);
    free(stream);
}

/* The connection has sent a whole message, or has gone. */
static void heard(struct codec_filter *filter) {
    if (filter->silent) atomic_fetch_sub(&silent_connections, 1);
    filter->silent = false;
}

void codec_filter_closed(void *object) {
    struct codec_filter *filter = object;
    if (filter->closed) return;
    filter->closed = true;
    heard(filter);
    while (filter->held_first) codec_filter_unhold(filter, filter->held_first);
    if (filter->in_flight) abi_network_gauge_add(filter->envoy, filter->config->in_flight, -(int64_t)filter->in_flight);
    for (struct stream *stream = filter->first, *after; stream; stream = after) {
        after = stream->after;
        free_stream(stream);
    }
    for (struct stream *stream = filter->ready, *after; stream; stream = after) {
        after = stream->after;
        free_stream(stream);
    }
    filter->first = filter->newest = filter->unsent = filter->ready = NULL;
    memset(filter->buckets, 0, sizeof filter->buckets);
}

void codec_filter_free(void *object) {
    struct codec_filter *filter = object;
    codec_filter_closed(filter);
    if (filter->scheduler) abi_network_scheduler_delete(filter->scheduler);
    request_release(filter->heartbeat);
    python_drop_later(filter->feed);
    python_drop_later(filter->connection);
    http2_reader_free(&filter->reader);
    buffer_free(&filter->out);
    codec_config_release(filter->config);
    free(filter);
}

int codec_filter_connected(void *object) {
    struct codec_filter *filter = object;
    filter->connection_id = abi_network_connection_id(filter->envoy);
    filter->silent = true;
    if (atomic_fetch_add(&silent_connections, 1) >= filter->config->max_silent) {
        codec_filter_count(filter, COUNT_SILENT_OVER_LIMIT);
        abi_network_close(filter->envoy, false, "metaprotocol_too_many_silent");
        return ABI_STOP;
    }
    abi_network_enable_half_close(filter->envoy); /* a client that has said all still waits for answers */
    return ABI_CONTINUE;
}

/* ---- back-pressure */

static void update_pause(struct codec_filter *filter) {
    /* Only a connection that waits for something is told when the process has room again. */
    bool waits = filter->held > (size_t)filter->config->max_held || requests_over_limit();
    bool pause = filter->above || (filter->in_flight && waits);
    if (pause == filter->paused || filter->closed) return;
    filter->paused = pause;
    abi_network_read_disable(filter->envoy, pause);
}

void codec_filter_watermark(void *object, bool above) {
    struct codec_filter *filter = object;
    filter->above = above;
    if (!above) post(filter);
    update_pause(filter);
}

bool codec_filter_hold(struct codec_filter *filter, struct bridge *bridge) {
    if (!filter->above && !filter->held_first) return false;
    bridge->held_by = filter;
    bridge->held_before = filter->held_last;
    if (filter->held_last) filter->held_last->held_after = bridge;
    else filter->held_first = bridge;
    filter->held_last = bridge;
    return true;
}

void codec_filter_unhold(struct codec_filter *filter, struct bridge *bridge) {
    if (bridge->held_before) bridge->held_before->held_after = bridge->held_after;
    else filter->held_first = bridge->held_after;
    if (bridge->held_after) bridge->held_after->held_before = bridge->held_before;
    else filter->held_last = bridge->held_before;
    bridge->held_by = NULL;
    bridge->held_before = bridge->held_after = NULL;
}

/* ---- streams */

static struct stream *add_stream(struct codec_filter *filter, struct request *request) {
    struct stream *stream = calloc(1, sizeof *stream);
    if (!stream) return NULL;
    stream->request = request;
    stream->before = filter->newest;
    if (filter->newest) filter->newest->after = stream;
    else filter->first = stream;
    filter->newest = stream;
    return stream;
}

static struct stream *find_stream(struct codec_filter *filter, uint32_t id) {
    struct stream *stream = filter->buckets[id / 2 % BUCKETS];
    while (stream && stream->id != id) stream = stream->chain;
    return stream;
}

static void forget_id(struct codec_filter *filter, struct stream *stream) {
    struct stream **at = &filter->buckets[stream->id / 2 % BUCKETS];
    while (*at && *at != stream) at = &(*at)->chain;
    if (*at) *at = stream->chain;
    stream->id = 0;
}

static void unlink_stream(struct codec_filter *filter, struct stream *stream) {
    if (stream->before) stream->before->after = stream->after;
    else filter->first = stream->after;
    if (stream->after) stream->after->before = stream->before;
    else filter->newest = stream->before;
    if (filter->ready_last) filter->ready_last->after = stream;
    else filter->ready = stream;
    filter->ready_last = stream;
    stream->before = stream->after = NULL;
}

static void write_request(struct codec_filter *filter, struct stream *stream) {
    struct request *request = stream->request;
    if (!filter->begun) {
        filter->begun = true;
        http2_write_preface(&filter->out);
    }
    char token[TOKEN_SIZE];
    request_write_token(request, token);
    if (!block.limit) block = buffer_new(HTTP2_MAX_HEADER_BLOCK);
    buffer_clear(&block);
    hpack_write_indexed(&block, HPACK_METHOD_POST);
    hpack_write_indexed(&block, HPACK_SCHEME_HTTP);
    hpack_write_value(&block, HPACK_AUTHORITY, request->authority);
    hpack_write_value(&block, HPACK_PATH, request->path);
    hpack_write_header(&block, HEADER_TOKEN, (struct text){token, sizeof token});
    for (size_t i = 0; i < request->own_count + request->count; i++) {
        hpack_write_header(&block, request->headers[i].name, request->headers[i].value);
    }
    stream->id = filter->next_id;
    filter->next_id += 2;
    stream->chain = filter->buckets[stream->id / 2 % BUCKETS];
    filter->buckets[stream->id / 2 % BUCKETS] = stream;
    http2_write_headers(&filter->out, stream->id, block.data, block.size, !request->is_stream);
    stream->window = filter->initial_window;
    if (filter->next_id > LAST_STREAM) filter->last = true;
}

/* The next request leaves, where they leave one by one. */
static void write_next(struct codec_filter *filter) {
    struct stream *stream = filter->unsent;
    if (!stream) return;
    do filter->unsent = filter->unsent->after;
    while (filter->unsent && !filter->unsent->request);
    write_request(filter, stream);
    post(filter);
}

/* ---- answers */

/* The stream has its answer: queue it, and those that have waited for it. `flush_ready` sends them. */
static void finish(struct codec_filter *filter, struct stream *stream) {
    stream->done = true;
    if (stream->request) {
        if (stream->id) forget_id(filter, stream);
        filter->in_flight--;
        filter->held -= stream->request->message.size;
        abi_network_gauge_add(filter->envoy, filter->config->in_flight, -1);
        request_end(stream->request);
        stream->request = NULL;
        if (filter->config->one_by_one) write_next(filter);
    }
    if (!filter->config->in_order) {
        unlink_stream(filter, stream);
        return;
    }
    while (filter->first && filter->first->done) unlink_stream(filter, filter->first);
}

/* Send what is ready: into Envoy's write buffer inside its callback, otherwise past it. */
static void flush_ready(struct codec_filter *filter, bool in_write) {
    while (filter->ready && !filter->closing && !filter->closed) {
        struct stream *stream = filter->ready;
        filter->ready = stream->after;
        if (!filter->ready) filter->ready_last = NULL;
        if (stream->answer.size) {
            if (in_write) abi_network_append_write(filter->envoy, stream->answer.data, stream->answer.size);
            else abi_network_inject_write(filter->envoy, stream->answer.data, stream->answer.size, false);
        }
        if (stream->ends) filter->closing = true;
        free_stream(stream);
    }
    if (filter->closing || (!filter->first && (filter->last || filter->half_closed || filter->draining))) post(filter);
    update_pause(filter);
}

/* Take over an Answer of the Python half: (counter, bytes, close). NULL: the codec failed. */
static void set_answer(struct codec_filter *filter, struct stream *stream, void *answer) {
    stream->answered = true;
    stream->holder = answer;
    if (!answer) {
        count_failed_call(filter);
        stream->ends = true;
        return;
    }
    codec_filter_count(filter, PyLong_AsLong(PyTuple_GetItem(answer, 0)));
    python_bytes(PyTuple_GetItem(answer, 1), &stream->answer);
    stream->ends = PyLong_AsLong(PyTuple_GetItem(answer, 2));
    python_report();
}

/* Envoy's own reply becomes the protocol's error. */
static void answer_locally(struct codec_filter *filter, struct stream *stream) {
    struct request *request = stream->request;
    python_enter();
    void *status = PyLong_FromLong(stream->status);
    void *details = PyUnicode_FromStringAndSize(request->details, (ssize_t)strlen(request->details));
    set_answer(filter, stream, python_call_method(request->object, "local_reply", status, details));
    Py_DecRef(status);
    Py_DecRef(details);
    python_leave();
}

static void answer_overflow(struct codec_filter *filter, struct stream *stream, void *object) {
    codec_filter_count(filter, COUNT_IN_FLIGHT_OVER_LIMIT);
    set_answer(filter, stream, python_call_method(object, "overflow", NULL, NULL));
}

/* The reply of a server, which the bridge registered: the message, changed as its headers were. */
static void answer_with(struct codec_filter *filter, struct stream *stream, struct reply *reply) {
    const struct header *before = reply->headers + reply->own_count;
    bool same = headers_same(&filter->config->response_rules, before, reply->count - reply->own_count, list.headers,
                             list.count);
    if (reply->is_oneway) {
        stream->answered = true;
    } else if (reply->is_error) {
        python_enter();
        set_answer(filter, stream, python_call_method(stream->request->object, "answer", reply->result, NULL));
        python_leave();
    } else if (same && !reply->stateful) {
        stream->answered = true;
        stream->answer = reply->message;
        stream->holder = reply->result; /* moved */
        reply->result = NULL;
    } else {
        python_enter();
        void *after = same ? NULL : python_headers(list.headers, list.count);
        set_answer(filter, stream, python_call_method(reply->object, same ? "deliver" : "deliver_changed", after, NULL));
        Py_DecRef(after);
        python_leave();
    }
}

/* ---- streams of the protocol */

/* Tell Envoy the sizes of a stream's messages, as far as its windows allow; the bridge sends so much of them. */
static void say(struct codec_filter *filter, struct stream *stream) {
    if (!stream->id || !stream->request || !stream->request->is_stream) return;
    while (stream->unsaid || stream->last_said) {
        size_t part = stream->unsaid;
        if (part > HTTP2_MAX_FRAME) part = HTTP2_MAX_FRAME;
        if ((int64_t)part > stream->window) part = stream->window > 0 ? (size_t)stream->window : 0;
        if ((int64_t)part > filter->window) part = filter->window > 0 ? (size_t)filter->window : 0;
        if (stream->unsaid && !part) return;
        stream->unsaid -= part;
        stream->window -= (int64_t)part;
        filter->window -= (int64_t)part;
        bool last = stream->last_said && !stream->unsaid;
        http2_write_zeros(&filter->out, stream->id, part, last);
        if (last) stream->last_said = false;
        post(filter);
    }
}

static void say_all(struct codec_filter *filter) {
    for (struct stream *stream = filter->first; stream; stream = stream->after) say(filter, stream);
}

/* Queue bytes for the client; takes over the holder. `flush_ready` sends them. */
static void push(struct codec_filter *filter, void *holder, struct text bytes) {
    struct stream *ready = calloc(1, sizeof *ready);
    if (!ready) return python_drop_later(holder);
    ready->holder = holder;
    ready->answer = bytes;
    if (filter->ready_last) filter->ready_last->after = ready;
    else filter->ready = ready;
    filter->ready_last = ready;
}

static void push_messages(struct codec_filter *filter, struct stream *stream) {
    for (struct message *message; (message = messages_take(&stream->request->to_client)); free(message)) {
        push(filter, message->holder, message->bytes);
    }
}

void codec_filter_stream_messages(struct codec_filter *filter, struct request *request) {
    for (struct stream *stream = filter->first; stream; stream = stream->after) {
        if (stream->request != request) continue;
        if (!stream->answered) return; /* the first answer is on its way through Envoy's filters */
        push_messages(filter, stream);
        flush_ready(filter, false);
        return;
    }
}

void codec_filter_stream_abandoned(struct codec_filter *filter, struct request *request) {
    struct stream *stream = filter->first;
    while (stream && stream->request != request) stream = stream->after;
    if (!stream) return;
    stream->answered = true; /* the client waits for nothing */
    finish(filter, stream);
    flush_ready(filter, false);
}

void codec_filter_stream_sent(struct codec_filter *filter, size_t size) {
    filter->held -= size;
    update_pause(filter);
}

/* The answer that opens a stream leaves at once; the stream goes on. */
static void open_stream(struct codec_filter *filter, struct stream *stream) {
    push(filter, stream->holder, stream->answer);
    stream->holder = NULL;
    stream->answer = TEXT("");
    push_messages(filter, stream);
}

void codec_filter_stream_broken(struct codec_filter *filter, struct request *request, bool lost) {
    struct stream *stream = filter->first;
    while (stream && stream->request != request) stream = stream->after;
    if (!stream) return;
    if (stream->answered) push_messages(filter, stream);
    if (lost) snprintf(request->details, sizeof request->details, "metaprotocol_bad_response");
    http2_write_reset(&filter->out, stream->id, HTTP2_CANCEL);
    post(filter);
    end_stream(filter, stream, lost);
    flush_ready(filter, false);
}

/* ---- HTTP/2 from the HTTP connection manager */

static unsigned read_status(struct text value) {
    unsigned status = 0;
    for (size_t i = 0; i < value.size && i < 3; i++) status = status * 10 + (unsigned)(value.data[i] - '0');
    return status;
}

static void end_stream(struct codec_filter *filter, struct stream *stream, bool lost) {
    struct request *request = stream->request;
    if (!stream->answered || (lost && request->is_stream && !request->abandoned)) answer_locally(filter, stream);
    if (request->is_stream) {
        python_enter();
        Py_DecRef(python_call_method(request->object, "close_stream", NULL, NULL));
        python_leave();
        for (struct message *message = request->to_server.first; message; message = message->next) {
            filter->held -= message->bytes.size;
        }
    }
    finish(filter, stream);
}

static bool on_headers(void *object, uint32_t id, const uint8_t *data, size_t size, bool ends) {
    struct codec_filter *filter = object;
    struct stream *stream = find_stream(filter, id);
    if (!stream) return true; /* it was answered before it ended */
    if (!list.text.limit) list = header_list_new();
    if (!hpack_read(data, size, &list)) return false;
    struct text secret = {0};
    unsigned status = 0;
    for (size_t i = 0; i < list.count; i++) {
        if (text_is(list.headers[i].name, TEXT(":status"))) status = read_status(list.headers[i].value);
        else if (text_is(list.headers[i].name, HEADER_REPLY)) secret = list.headers[i].value;
    }
    if (status >= 100 && status < 200) return true;
    bool unclean = false;
    if (!stream->status) { /* and not trailers */
        stream->status = status;
        struct reply *reply = stream->request->replies ? reply_find(stream->request, secret) : NULL;
        if (reply) {
            unclean = reply->unclean;
            bool reset = unclean && !reply->is_oneway; /* a oneway's connection closes when the server has read it */
            answer_with(filter, stream, reply);
            if (reset && !ends) {
                http2_write_reset(&filter->out, id, HTTP2_CANCEL); /* and with it the server's connection */
                post(filter);
            }
        }
    }
    if (stream->request->is_stream && stream->answered && !ends && !unclean) open_stream(filter, stream);
    if (ends || unclean) end_stream(filter, stream, false);
    return true;
}

static bool on_data(void *object, uint32_t id, const uint8_t *data, size_t size, bool ends) {
    struct codec_filter *filter = object;
    struct stream *stream = find_stream(filter, id);
    (void)data;
    if (!stream) return true;
    if (stream->answered && size) { /* no reply of ours has a body, so a filter has given it one */
        codec_filter_count(filter, COUNT_BODIES_CHANGED);
        python_drop_later(stream->holder);
        python_enter();
        set_answer(filter, stream, python_call_method(stream->request->object, "changed_body", NULL, NULL));
        python_leave();
        http2_write_reset(&filter->out, id, HTTP2_CANCEL);
        post(filter);
        ends = true;
    }
    if (ends) end_stream(filter, stream, false);
    return true;
}

static bool on_reset(void *object, uint32_t id, uint32_t code) {
    struct stream *stream = find_stream(object, id);
    (void)code;
    if (stream) {
        stream->status = 0;
        *stream->request->details = 0; /* if any, they tell of an answer, which was not the end */
        end_stream(object, stream, true);
    }
    return true;
}

static bool on_goaway(void *object, uint32_t last) {
    struct codec_filter *filter = object;
    filter->draining = true;
    if (last == LAST_STREAM) return post(filter), true; /* a notice: requests are still taken */
    filter->last = true;
    filter->unsent = NULL;
    for (struct stream *stream = filter->first, *after; stream; stream = after) {
        after = stream->after;
        if (stream->request && (!stream->id || stream->id > last)) end_stream(filter, stream, true); /* never to be served */
    }
    return post(filter), true;
}

static bool on_max_streams(void *object, uint32_t count) {
    struct codec_filter *filter = object;
    filter->max_streams = count;
    return true;
}

static bool on_initial_window(void *object, uint32_t size) {
    struct codec_filter *filter = object;
    for (struct stream *stream = filter->first; stream; stream = stream->after) {
        stream->window += (int64_t)size - filter->initial_window;
    }
    filter->initial_window = size;
    say_all(filter);
    return true;
}

static bool on_window_update(void *object, uint32_t id, uint32_t increment) {
    struct codec_filter *filter = object;
    struct stream *stream = id ? find_stream(filter, id) : NULL;
    if (stream) stream->window += increment;
    if (!id) filter->window += increment;
    say_all(filter);
    return true;
}

static const struct http2_events events = {on_headers, on_data,        on_reset,         on_goaway,
                                           on_max_streams, on_initial_window, on_window_update};

static void fail(struct codec_filter *filter, const char *reason) {
    if (filter->closed) return;
    filter->closing = true;
    abi_network_close(filter->envoy, true, reason);
}

int codec_filter_write(void *object, size_t size, bool end) {
    struct codec_filter *filter = object;
    if (filter->passes || filter->closed) return ABI_CONTINUE;
    struct chunks chunks;
    if (!abi_network_write_chunks(filter->envoy, &chunks)) return fail(filter, "metaprotocol_no_memory"), ABI_STOP;
    bool good = true;
    size_t answers = filter->out.size;
    for (size_t i = 0; i < chunks.count && good; i++) {
        good = http2_read(&filter->reader, (const uint8_t *)chunks.at[i].data, chunks.at[i].size, &events, filter,
                          &filter->out);
    }
    chunks_free(&chunks);
    abi_network_drain_write(filter->envoy, size);
    if (!good) return fail(filter, "metaprotocol_http2_error"), ABI_STOP;
    if (filter->out.size > answers) post(filter);
    flush_ready(filter, true);
    (void)end;
    return ABI_CONTINUE;
}

/* ---- the client's bytes */

static struct text authority_of(struct codec_filter *filter, struct text authority) {
    if (!text_is(authority, TEXT("$dst"))) return authority;
    if (!*filter->destination) {
        struct text address;
        uint32_t port = 0;
        if (abi_network_local_address(filter->envoy, &address, &port)) {
            snprintf(filter->destination, sizeof filter->destination, "%.*s:%u", (int)address.size, address.data, port);
        }
    }
    return (struct text){filter->destination, strlen(filter->destination)};
}

/* (FORWARD, counter, path, authority, own headers, property headers, message, request, kind) */
static bool forward(struct codec_filter *filter, void *step) {
    void *object = PyTuple_GetItem(step, 7), *own = PyTuple_GetItem(step, 4), *flat = PyTuple_GetItem(step, 5);
    size_t limit = (size_t)filter->config->max_in_flight;
    if (limit > filter->max_streams) limit = filter->max_streams;
    struct text message;
    if (!python_bytes(PyTuple_GetItem(step, 6), &message)) return false;
    struct request *request = NULL;
    size_t own_count = (size_t)PyTuple_Size(own) / 2, count = (size_t)PyTuple_Size(flat) / 2;
    if (filter->in_flight < limit && !requests_over_limit()) request = request_new(own_count + count);
    struct stream *stream = add_stream(filter, request);
    if (!stream) return request_release(request), false;
    if (!request) {
        answer_overflow(filter, stream, object);
        finish(filter, stream);
        return true;
    }
    Py_IncRef(step);
    request->holder = step;
    request->object = object;
    request->config = codec_config_keep(filter->config);
    request->connection = filter;
    request->connection_id = filter->connection_id;
    request->path = python_text(PyTuple_GetItem(step, 2));
    request->authority = authority_of(filter, python_text(PyTuple_GetItem(step, 3)));
    request->own_count = own_count;
    request->count = count;
    python_read_headers(request->headers, own, own_count);
    python_read_headers(request->headers + own_count, flat, count);
    long wait = PyLong_AsLong(PyTuple_GetItem(step, 8));
    request->oneway = wait == ONEWAY || wait == ONEWAY_WITH_SECRET_ID;
    request->secret_id = wait == ONEWAY_WITH_SECRET_ID;
    request->is_stream = wait == OPENS_STREAM;
    request_set_message(request, message);
    filter->in_flight++;
    filter->held += message.size;
    abi_network_gauge_add(filter->envoy, filter->config->in_flight, 1);
    if (filter->config->one_by_one && filter->in_flight > 1) {
        if (!filter->unsent) filter->unsent = stream;
    } else {
        write_request(filter, stream);
    }
    return true;
}

/* A heartbeat that is answered here must keep the client's connection, too: the HTTP connection manager counts idleness in
 * requests. It gets one that the admission filter answers, once a second at most, if it has no other. */
static void keep_alive(struct codec_filter *filter) {
    time_t now = time(NULL);
    if (filter->in_flight || filter->kept_alive == now) return;
    filter->kept_alive = now;
    struct request *request = request_new(0);
    if (!request) return;
    struct stream *stream = calloc(1, sizeof *stream);
    if (!stream) return request_release(request);
    request->keeps_alive = true;
    request->connection = filter;
    request->connection_id = filter->connection_id;
    request->path = TEXT("/");
    request->authority = TEXT("heartbeat");
    stream->request = request;
    write_request(filter, stream);
    forget_id(filter, stream); /* nobody waits for the answer */
    free(stream);
    request_release(filter->heartbeat);
    filter->heartbeat = request;
}

/* (STREAM, counter, request, message, half, all): the client's half of the stream, or all of it, ends after it. */
static bool forward_in_stream(struct codec_filter *filter, void *step) {
    void *object = PyTuple_GetItem(step, 2);
    struct text bytes;
    if (!python_bytes(PyTuple_GetItem(step, 3), &bytes)) return false;
    bool half = PyLong_AsLong(PyTuple_GetItem(step, 4)), all = PyLong_AsLong(PyTuple_GetItem(step, 5));
    struct stream *stream = filter->first;
    while (stream && (!stream->request || stream->request->object != object)) stream = stream->after;
    if (!stream) return true; /* it has just ended */
    Py_IncRef(step);
    if (!messages_add(&stream->request->to_server, step, bytes, all)) return false;
    filter->held += bytes.size;
    stream->unsaid += bytes.size;
    stream->last_said = half || all;
    if (all) stream->request->abandoned = true;
    say(filter, stream);
    return true;
}

static bool take_step(struct codec_filter *filter, void *step) {
    long kind = PyLong_AsLong(PyTuple_GetItem(step, 0));
    codec_filter_count(filter, PyLong_AsLong(PyTuple_GetItem(step, 1)));
    if (kind == FORWARD) return forward(filter, step);
    if (kind == STREAM) return forward_in_stream(filter, step);
    if (kind == CLOSE) {
        filter->last = true;
        return true;
    }
    struct stream *stream = add_stream(filter, NULL);
    if (!stream) return false;
    Py_IncRef(step);
    stream->holder = step;
    stream->answered = true;
    python_bytes(PyTuple_GetItem(step, 2), &stream->answer);
    stream->ends = PyLong_AsLong(PyTuple_GetItem(step, 3));
    if (stream->ends) filter->last = true;
    if (PyLong_AsLong(PyTuple_GetItem(step, 4))) keep_alive(filter);
    finish(filter, stream);
    return true;
}

static bool feed(struct codec_filter *filter, size_t size) {
    struct chunks chunks;
    if (!abi_network_read_chunks(filter->envoy, &chunks)) return false;
    python_enter();
    void *bytes = PyBytes_FromStringAndSize(NULL, (ssize_t)chunks.size);
    struct text copy;
    bool good = python_bytes(bytes, &copy);
    if (good) chunks_copy(&chunks, (void *)copy.data);
    chunks_free(&chunks);
    abi_network_drain_read(filter->envoy, size);
    void *steps = good ? python_call(filter->feed, bytes, NULL, NULL) : NULL;
    if (good && !steps) count_failed_call(filter);
    Py_DecRef(bytes);
    good = steps;
    ssize_t count = steps ? PyList_Size(steps) : 0;
    if (count > 0) heard(filter);
    for (ssize_t i = 0; i < count && good && !filter->last; i++) good = take_step(filter, PyList_GetItem(steps, i));
    Py_DecRef(steps);
    python_report();
    python_leave();
    return good;
}

/* Whose protocol the first bytes are, a Detection of the Python half. They stay in Envoy's buffer. */
static enum detection detect(struct codec_filter *filter) {
    struct chunks chunks;
    if (!abi_network_read_chunks(filter->envoy, &chunks)) return FOREIGN;
    python_enter();
    void *bytes = PyBytes_FromStringAndSize(NULL, (ssize_t)chunks.size);
    struct text copy;
    if (python_bytes(bytes, &copy)) chunks_copy(&chunks, (void *)copy.data);
    void *verdict = python_call_method(filter->config->service, "detect", bytes, NULL);
    enum detection detection = verdict ? (enum detection)PyLong_AsLong(verdict) : OURS;
    Py_DecRef(verdict);
    Py_DecRef(bytes);
    python_report();
    python_leave();
    chunks_free(&chunks);
    return detection;
}

int codec_filter_read(void *object, size_t size, bool end) {
    struct codec_filter *filter = object;
    if (filter->passes) return ABI_CONTINUE;
    if (filter->config->foreign && !filter->known) {
        enum detection detection = size ? detect(filter) : end ? FOREIGN : UNSURE;
        if (detection == FOREIGN || (detection == UNSURE && end)) {
            codec_filter_count(filter, COUNT_FOREIGN_CONNECTIONS);
            filter->passes = true;
            heard(filter);
            return ABI_CONTINUE;
        }
        if (detection == UNSURE) return ABI_STOP;
        filter->known = true;
    }
    if (filter->last || filter->closing) abi_network_drain_read(filter->envoy, size);
    else if (size && !feed(filter, size)) filter->last = true;
    if (end) filter->half_closed = true;
    if (filter->out.size) {
        abi_network_append_read(filter->envoy, filter->out.data, filter->out.size);
        buffer_clear(&filter->out);
        flush_ready(filter, false);
        return ABI_CONTINUE;
    }
    flush_ready(filter, false);
    return ABI_STOP;
}

/* ---- later, on the worker */

static bool idle(struct codec_filter *filter) {
    if (filter->first) return false;
    if (filter->last || filter->half_closed) return true;
    if (!filter->draining) return false;
    python_enter();
    void *buffered = PyObject_GetAttrString(filter->connection, "buffered");
    bool none = buffered && !PyObject_IsTrue(buffered);
    Py_DecRef(buffered);
    python_report();
    python_leave();
    return none;
}

void codec_filter_scheduled(void *object) {
    struct codec_filter *filter = object;
    filter->posted = false;
    if (filter->closed) return;
    if (filter->closing || idle(filter)) {
        filter->closing = true;
        abi_network_close(filter->envoy, true, filter->draining ? "metaprotocol_drained" : "metaprotocol_answered");
        return;
    }
    while (filter->held_first && !filter->above) {
        struct bridge *bridge = filter->held_first;
        codec_filter_unhold(filter, bridge);
        bridge_continue(bridge);
        if (filter->closed) return;
    }
    update_pause(filter);
    if (!filter->out.size || !filter->begun) return;
    struct buffer out = filter->out;
    filter->out = buffer_new(OUT_LIMIT);
    abi_network_inject_read(filter->envoy, out.data, out.size, false);
    buffer_free(&out);
}
